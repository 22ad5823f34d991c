"""Associative embedding on the same features: a tag for each keypoint, MMPose's decoding."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from mmpose.codecs import AssociativeEmbedding
from torch import Tensor, nn

from centergroup_mm.engine.proposal_cache import View
from centergroup_mm.models.grouping import Poses
from centergroup_mm.models.grouping.embedding import MLP
from centergroup_mm.models.grouping.point_tokens import sine_encoding
from centergroup_mm.models.losses.centergroup_loss import mean_where

#: from head and trunk to the limbs, as HigherHRNet groups COCO's keypoints
ORDER = [0, 1, 2, 3, 4, 5, 6, 11, 12, 7, 8, 9, 10, 13, 14, 15, 16]


class TagGrouping(nn.Module):
    """Tags from the sampled features, trained to be alike within a person (Newell et al. 2017).

    Args:
        sigmas: keypoint standard deviations, length K.
        in_channels: S, sampled channels.
        channels: width of the tags' network.
        keypoint_thr, tag_thr: of MMPose's decoding, chosen on held-out photographs.
        position_encoding: the tags also know where the keypoint is, as the attention does.
    """

    #: pose c is that of center c
    with_centers = False

    def __init__(
        self,
        sigmas: list[float],
        in_channels: int,
        channels: int = 128,
        keypoint_thr: float = 0.1,
        tag_thr: float = 1.0,
        position_encoding: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer('sigmas', torch.tensor(sigmas), persistent=False)
        self.register_buffer('mean', torch.zeros(in_channels))
        self.register_buffer('std', torch.ones(in_channels))
        self.types = nn.Embedding(len(sigmas), channels)
        self.first = nn.Linear(in_channels, channels)
        self.mlp = MLP(channels, channels, channels, 1)
        self.position = nn.Linear(channels, channels) if position_encoding else None
        self.keypoint_thr, self.tag_thr = keypoint_thr, tag_thr

    def forward(self, view: View) -> Tensor:
        """Tags [B x K x R]."""
        features = (view.features.keypoints - self.mean) / self.std
        known = self.first(features) + self.types.weight[:, None]
        if self.position is not None:
            known = known + self.position(sine_encoding(view.keypoints.points, known.shape[-1]))
        return self.mlp(F.relu(known))[..., 0]

    def losses(self, view: View, matched: Tensor) -> dict[str, Tensor]:
        """Pull the tags of a person together and push persons apart.

        Args:
            view: the batch.
            matched: not used, as there are no centers.
        """
        tags, persons = self(view), view.persons
        at = persons.keypoints.transpose(1, 2)[..., None, :]  # [B x K x N x 1 x 2]
        square = (view.keypoints.points[:, :, None] - at).square().sum(-1)  # [B x K x N x R]
        square = square.masked_fill(~view.keypoints.valid[:, :, None], torch.inf)
        nearest, index = square.min(-1)
        spread = 2 * persons.areas[:, None] * (2 * self.sigmas[:, None]) ** 2
        found = persons.labeled.transpose(1, 2) & (nearest < spread)  # the peak of this keypoint
        own = tags.gather(2, index)  # [B x K x N]
        count = found.sum(1).clamp(min=1)
        mean = (own * found).sum(1) / count
        pull = ((own - mean[:, None]).square() * found).sum(1) / count
        there = found.any(1)
        pairs = there[:, :, None] & there[:, None]
        pairs = pairs & ~torch.eye(pairs.shape[1], dtype=torch.bool, device=pairs.device)
        push = torch.exp(-(mean[:, :, None] - mean[:, None]).square())
        return {'pull': mean_where(pull, there), 'push': mean_where(push, pairs)}

    def predict(self, view: View) -> Poses:
        """Poses of a batch, in cells, padded to one number.

        The peaks of each type are given to MMPose's ``batch_decode`` as maps of one row, so that
        its grouping and its search for missing keypoints choose among them.
        """
        heatmaps = (view.keypoints.logits.sigmoid() * view.keypoints.valid)[:, :, None]
        tags = self(view)[:, :, None]
        ranks = heatmaps.shape[-1]
        codec = AssociativeEmbedding(
            (ranks, 1),
            (ranks, 1),
            decode_keypoint_order=ORDER,
            decode_nms_kernel=1,
            decode_keypoint_thr=self.keypoint_thr,
            decode_tag_thr=self.tag_thr,
            decode_topk=ranks,
            decode_max_instances=30,
        )
        found = codec.batch_decode(heatmaps.cpu().double().float(), tags.cpu())
        points = view.keypoints.points.cpu().numpy()
        most = max(1, *(len(keypoints) for keypoints in found[0]))
        num_keypoints = points.shape[1]
        keypoints = np.zeros((len(points), most, num_keypoints, 2), dtype=np.float32)
        scores = np.zeros((len(points), most, num_keypoints), dtype=np.float32)
        pose_scores = np.zeros((len(points), most), dtype=np.float32)
        for i, (slots, own, whole) in enumerate(zip(*found, strict=True)):
            # refinement moved them by a quarter of a slot
            ranks_of = np.rint(slots[..., 0]).astype(int).clip(0, ranks - 1)
            number = len(slots)
            keypoints[i, :number] = points[i, np.arange(num_keypoints), ranks_of]
            scores[i, :number], pose_scores[i, :number] = own, whole
        fields = (torch.from_numpy(x) for x in (keypoints, scores, pose_scores))
        keypoints, scores, pose_scores = (x.to(view.keypoints.points.device) for x in fields)
        return Poses(keypoints, scores, pose_scores, pose_scores > 0)
