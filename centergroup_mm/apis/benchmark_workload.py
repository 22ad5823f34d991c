"""The calls that the benchmark compares, on a model with random weights.

The detector of such a model sees no people, so its output is replaced, after it was computed,
by maps painted from the people of synthetic scenes: proposals, masks and poses are then as many
as with a trained model.  Axis letters: B images, T = K + 1 heatmap types.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor

from ..datasets.synthetic import make_scene
from ..models.grouping import mirror_heatmaps
from ..models.heads import CenterGroupHead
from .errors import UserError

#: painted maps are a little lower than the targets, so that their loss has a gradient
_PEAK = 0.9


@contextmanager
def replaced(owner: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Put a function in the place of a method of one object for a while."""
    setattr(owner, name, function)
    try:
        yield
    finally:
        delattr(owner, name)


def crowd(people: int, size: tuple[int, int], joints: int, start: int = 0) -> dict[str, Any]:
    """Gather the people of consecutive synthetic scenes.

    Args:
        people: how many, N.
        size: (w, h) of the scenes in pixels.
        joints: 17 for COCO, 14 for CrowdPose.
        start: index of the first scene.

    Returns:
        ``image`` [h x w x 3] of the first scene, ``keypoints`` [N x K x 2] in pixels,
        ``keypoints_visible`` [N x K] and ``bbox`` [N x 4] (x1, y1, x2, y2).
    """
    name = {17: 'keypoints', 14: 'crowdpose_keypoints'}.get(joints)
    if name is None:
        raise UserError(f'the synthetic scenes have 17 or 14 joints, the model {joints}')
    image, found, index = None, [], start
    while len(found) < people:
        scene = make_scene('full', 0, index, size)
        image = scene.image if image is None else image
        found += [person for person in scene.persons if (getattr(person, name)[:, 2] > 0).any()]
        index += 1
    keypoints = np.stack([getattr(person, name) for person in found[:people]])
    boxes = np.stack([person.bbox for person in found[:people]]).astype(np.float32)
    boxes[:, 2:] += boxes[:, :2]
    return dict(
        image=image, keypoints=keypoints[..., :2], keypoints_visible=keypoints[..., 2], bbox=boxes
    )


class Workload:
    """A model with random weights, and the calls that are compared.

    Args:
        cfg: of a ``BottomupPoseEstimator`` with a ``CenterGroupHead``.
        size: (w, h) of the network input in pixels.
        people: in each image.
        device: where it runs.
        train_batch: images of a training step; test has one, with flip test.
    """

    def __init__(
        self,
        cfg: Config,
        size: tuple[int, int],
        people: int = 25,
        device: torch.device | str = 'cpu',
        train_batch: int = 2,
    ) -> None:
        init_default_scope('mmpose')
        torch.manual_seed(0)
        self.device = torch.device(device)
        model = MODELS.build(copy.deepcopy(cfg.model))
        if not isinstance(getattr(model, 'head', None), CenterGroupHead):
            raise UserError('the benchmark needs a config whose head is a CenterGroupHead')
        self.model = model.to(self.device).eval()
        self.model.test_cfg = dict(flip_test=True, multiscale_test=False, score_thr=0.0)
        self.head = model.head
        self.amp = self.device.type == 'cuda' and cfg.optim_wrapper.type == 'AmpOptimWrapper'
        joints = self.head.num_joints
        scenes = [crowd(people, size, joints, start=100 * i) for i in range(train_batch)]
        codec = KEYPOINT_CODECS.build({**cfg.model.head.decoder, 'input_size': size})
        labels = [codec.encode(**{k: v for k, v in s.items() if k != 'image'}) for s in scenes]
        pictures = [model.data_preprocessor.cast_data(torch.from_numpy(s['image'])) for s in scenes]
        pictures = torch.stack(pictures).to(self.device).float().permute(0, 3, 1, 2)
        self.images = ((pictures - 128) / 58).contiguous()  # [B x 3 x H x W]
        self.samples = [self._train_sample(label) for label in labels]
        dataset = DATASETS.get(cfg.train_dataloader.dataset.type)
        flip = parse_pose_metainfo(copy.deepcopy(dataset.METAINFO))['flip_indices']
        self.query = PoseDataSample(
            metainfo=dict(
                input_size=size,
                input_center=np.array(size, dtype=np.float64) / 2,
                input_scale=np.array(size, dtype=np.float64),
                ori_shape=size[::-1],
                img_shape=size[::-1],
                flip_indices=flip,
            )
        )
        levels = zip(*(sample.gt_fields.heatmaps for sample in self.samples), strict=True)
        self.painted = [_PEAK * torch.stack(level) for level in levels]  # [B x T x h x w] each
        order = self.head.with_center(torch.as_tensor(flip, device=self.device))
        self.views = [
            torch.cat([level[:1], mirror_heatmaps(level[:1], order)]) for level in self.painted
        ]  # [2 x T x h x w] each: the first image and its mirror

    def _train_sample(self, label: dict[str, Any]) -> SimpleNamespace:
        """Pack labels as the head reads them; the picture fills the input."""
        tensors = {
            key: torch.from_numpy(np.asarray(label[key])).to(self.device)
            for key in ('joints', 'joints_visible', 'box_sizes', 'matchable')
        }
        maps = [torch.from_numpy(level).to(self.device) for level in label['heatmaps']]
        height, width = (2 * side for side in maps[-1].shape[-2:])
        fields = SimpleNamespace(
            heatmaps=maps,
            heatmap_mask=[torch.ones_like(level[0]) for level in maps],
            padding_mask=[
                torch.ones(height // stride, width // stride, device=self.device)
                for stride in (4, 1)
            ],
        )
        return SimpleNamespace(gt_fields=fields, gt_instance_labels=SimpleNamespace(**tensors))

    def _paint(self, levels: Sequence[Tensor], output: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Give the detector's output [B x >=T x h x w] painted values and keep its gradient."""
        types = levels[0].shape[1]
        first = torch.cat([levels[0].to(output[0].dtype), output[0].detach()[:, types:]], dim=1)
        painted = (first, levels[1].to(output[1].dtype, copy=True))
        if not output[0].requires_grad:
            return painted
        return tuple(
            seen + real - real.detach() for seen, real in zip(painted, output, strict=True)
        )

    # ---- test, one image with flip test -----------------------------------------------------

    @torch.no_grad()
    def features(self) -> list[tuple[Tensor, ...]]:
        """Backbone features of the image and its mirror, as the estimator computes them."""
        image = self.images[:1]
        return [self.model.extract_feat(image), self.model.extract_feat(image.flip(-1))]

    @torch.no_grad()
    def detector(self) -> tuple[Tensor, ...]:
        """Backbone and heatmap head on image and mirror."""
        return self.head.detector((torch.cat([view[-1] for view in self.features()]),))

    def inference_calls(self) -> dict[str, Callable[[], Any]]:
        """Return the three parts of a prediction, each with its inputs computed before."""
        views = self.features()
        with torch.no_grad():
            feature = torch.cat([view[-1] for view in views])
            maps = self._paint(self.views, self.head.detector((feature,)))
            embeddings = self.head.neck.embed([feature])

        @torch.no_grad()
        def embed() -> Any:
            return self.head.neck.embed([feature])

        @torch.no_grad()
        def rest() -> Any:
            with (
                replaced(self.head.detector, 'forward', lambda feats: maps),
                replaced(self.head.neck, 'embed', lambda features: embeddings),
            ):
                return self.head.predict(views, [self.query], self.model.test_cfg)

        return dict(detector=self.detector, embedding=embed, post_detector=rest)

    @torch.no_grad()
    def predict(self) -> list[Any]:
        """Whole prediction of the estimator, everything computed."""
        paint = self.head.detector.register_forward_hook(
            lambda module, inputs, output: self._paint(self.views, output)
        )
        try:
            return self.model.predict(self.images[:1], [copy.deepcopy(self.query)])
        finally:
            paint.remove()

    # ---- training ---------------------------------------------------------------------------

    def train_step(self, detector_only: bool) -> float:
        """Forward and backward pass, without the optimizer's step, which would dilute the ratio.

        Args:
            detector_only: heatmap loss only, nothing behind the detector is run.

        Returns:
            the loss.
        """
        self.model.train()
        self.model.zero_grad(set_to_none=True)
        paint = self.head.detector.register_forward_hook(
            lambda module, inputs, output: self._paint(self.painted, output)
        )
        try:
            with torch.autocast(self.device.type, enabled=self.amp):
                features = self.model.extract_feat(self.images)
                if detector_only:
                    detector = self.head.detector
                    heatmaps, _ = detector.split(detector((features[-1],)))
                    losses = detector.heatmap_losses(heatmaps, self.samples)
                else:
                    losses = self.head.loss(features, self.samples)
                loss = sum(losses.values())
            loss.backward()
        finally:
            paint.remove()
            self.model.eval()
        return float(loss.detach())

    def training_calls(self) -> dict[str, Callable[[], Any]]:
        """Return the training steps that are compared."""
        return dict(
            train_detector=lambda: self.train_step(True), train_step=lambda: self.train_step(False)
        )
