"""CenterGroup on a detector with offsets and regressed keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import MODELS
from torch import Tensor

from ...utils.skeleton import fill_detector, read_metainfo
from ..grouping import Poses
from ..grouping.explanation import explain_rounds, record
from ..grouping.point_grouping import PointGrouping
from ..grouping.point_proposals import (
    CenterPeaks,
    KeypointPeaks,
    log_odds,
    propose_centers,
    propose_keypoints,
)
from ..grouping.point_tokens import PointFeatures, sample_cells
from ..grouping.pose_decoder import PoseEstimate
from ..grouping.pose_similarity import suppress
from ..losses.point_grouping_loss import PointGroupingLoss, pad_persons
from .detector import Detector, DetectorMaps
from .loaded_weights import LoadedWeights
from .pose_views import mirror_back, to_first_scale, to_instances
from .views import Predictions, check_finite, hand_out, read_views, wants


@MODELS.register_module()
class PointCenterGroupHead(BaseHead):
    """Detect keypoints and centers, embed them in context and let centers choose keypoints.

    The method is that of ``CenterGroupHead``, with the differences that a detector with more than
    heatmaps allows. Its offsets give sub-cell precision, so that no map is upsampled. Embeddings
    are computed from its pyramid's values at the proposals, without convolutions. The attention
    also depends on the distance of a keypoint from where its center expects it. Poses are refined
    and get a predicted quality, and views are merged as poses, not as maps.

    Axis letters: B images, C centers, K keypoint types, R peaks of each type.

    Args:
        detector: config of a :class:`~centergroup_mm.models.heads.detector.Detector` with
            centers, offsets, regressed keypoints and sizes, such as ``MoveNetHead``.
        in_channels: channels of all levels of the pyramid together.
        channels: D of the embeddings.
        embedding, decode: further arguments of ``PointEmbedding`` and ``PoseDecoder``.
        sigmas: the dataset's keypoint standard deviations, length K (COCO's OKS constants);
            default those of ``metainfo``.
        loss: arguments of ``PointGroupingLoss`` beyond the sigmas.
        num_centers: C, at most as many people are found in an image.
        num_peaks: R.
        center_nms, keypoint_nms: windows of the non-maximum suppression in cells.
        suppress_oks: of two poses with a higher OKS to each other, in which keypoints count by
            their scores, the one with the lower score is dropped.
        fuse_oks: poses of several views with a higher OKS to each other are one person.
        calibration: (a, b), the score is the sigmoid of a * quality + b.
        offsets: place keypoints where the detector's offsets say; False takes the middle of the
            cell (ablation).
        train_detector: also train the detector with its own losses; otherwise no gradient reaches
            detector, neck and backbone.
        metainfo: the skeleton, see :func:`~centergroup_mm.utils.skeleton.read_metainfo`; gives
            ``sigmas`` and the detector's skeleton, where they are not said.
        init_cfg: see mmengine.

    Raises:
        ValueError: the detector has no centers, or there are neither sigmas nor metainfo.
    """

    def __init__(
        self,
        detector: dict,
        sigmas: Sequence[float] | None = None,
        in_channels: int = 144,
        channels: int = 64,
        embedding: dict | None = None,
        decode: dict | None = None,
        loss: dict | None = None,
        num_centers: int = 30,
        num_peaks: int = 20,
        center_nms: int = 5,
        keypoint_nms: int = 3,
        suppress_oks: float = 0.9,
        fuse_oks: float = 0.6,
        calibration: Sequence[float] = (1.0, 0.0),
        offsets: bool = True,
        train_detector: bool = True,
        metainfo: str | dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.loaded_weights = LoadedWeights(self)
        if metainfo is not None:
            detector = fill_detector(detector, metainfo)
            sigmas = sigmas or read_metainfo(metainfo).sigmas
        if sigmas is None:
            raise ValueError('PointCenterGroupHead needs sigmas or metainfo')
        self.detector: Detector = MODELS.build(detector)
        if not getattr(self.detector, 'with_center', False):
            raise ValueError('PointCenterGroupHead needs a detector with with_center=True')
        self.num_keypoints = self.detector.num_keypoints
        self.stride = self.detector.strides[-1]
        self.grouping = PointGrouping(
            in_channels + self.num_keypoints + 1,
            self.num_keypoints,
            channels,
            embedding,
            decode,
        )
        self.loss_module = PointGroupingLoss(sigmas, **(loss or {}))
        self.register_buffer('sigmas', torch.tensor(sigmas), persistent=False)
        self.num_centers = num_centers
        self.num_peaks = num_peaks
        self.center_nms = center_nms
        self.keypoint_nms = keypoint_nms
        self.suppress_oks = suppress_oks
        self.fuse_oks = fuse_oks
        self.register_buffer('calibration', torch.tensor([float(x) for x in calibration]))
        self.offsets = offsets
        self.train_detector = train_detector

    # ---- stages ---------------------------------------------------------------------------

    def propose(self, logits: Tensor, maps: DetectorMaps) -> tuple[KeypointPeaks, CenterPeaks]:
        """Choose keypoint and center proposals.

        Args:
            logits: [B x K+1 x h x w] of the heatmaps, the center last.
            maps: the detector's maps.
        """
        cells = logits.shape[-2] * logits.shape[-1]
        offsets = maps.offsets if self.offsets else torch.full_like(maps.offsets, 0.5)
        keypoints = propose_keypoints(
            logits[:, :-1], offsets, min(self.num_peaks, cells), self.keypoint_nms
        )
        centers = propose_centers(
            logits[:, -1:], maps.sizes, maps.joints, min(self.num_centers, cells), self.center_nms
        )
        return keypoints, centers

    def sample(
        self,
        feats: Sequence[Tensor],
        logits: Tensor,
        keypoints: KeypointPeaks,
        centers: CenterPeaks,
    ) -> PointFeatures:
        """Read the pyramid and the heatmaps' logits at the proposals.

        Args:
            feats: levels [B x C x h' x w'], of any stride.
            logits: [B x K+1 x h x w].
            keypoints, centers: result of :meth:`propose`.
        """
        size = (logits.shape[-2], logits.shape[-1])
        places = (keypoints.cells.flatten(1, 2), centers.cells, centers.regressed.flatten(1, 2))
        points = torch.cat(places, 1)
        values = torch.cat([sample_cells(level, points, size) for level in (*feats, logits)], -1)
        at_keypoints, at_centers, at_regressed = values.split([p.shape[1] for p in places], 1)
        return PointFeatures(
            at_keypoints.unflatten(1, (self.num_keypoints, -1)),
            at_centers,
            at_regressed.unflatten(1, (-1, self.num_keypoints)),
        )

    def read(
        self, feats: Sequence[Tensor], maps: DetectorMaps
    ) -> tuple[PointFeatures, KeypointPeaks, CenterPeaks]:
        """The inputs of the grouping: proposals, in cells, and their features.

        Args:
            feats: levels of backbone and neck.
            maps: of them.
        """
        logits = log_odds(maps.heatmaps[-1])
        keypoints, centers = self.propose(logits, maps)
        return self.sample(feats, logits, keypoints, centers), keypoints, centers

    def group(
        self, feats: Sequence[Tensor], maps: DetectorMaps
    ) -> tuple[PoseEstimate, KeypointPeaks, CenterPeaks]:
        """Proposals of a detection and the poses made of them; arguments as of :meth:`read`."""
        with torch.autocast(feats[-1].device.type, enabled=False):
            features, keypoints, centers = self.read(feats, maps)
            return self.grouping(features, keypoints, centers), keypoints, centers

    # ---- what MMPose calls ----------------------------------------------------------------

    def forward(self, feats: Sequence[Tensor]) -> Poses:
        """Poses of all centers after suppression, in pixels of the network input.

        Args:
            feats: levels of backbone and neck, [B x C x h' x w'] each.
        """
        poses, _, centers = self.group(feats, self.detector.detect(feats))
        slope, shift = self.calibration
        scores = (slope * poses.quality + shift).sigmoid()
        scores = torch.where(centers.valid, scores, 0.0)
        keypoint_scores = poses.visibility.sigmoid() * poses.similarity.sigmoid()
        kept = suppress(poses.points, scores, self.sigmas, self.suppress_oks, keypoint_scores)
        kept = kept & centers.valid
        return Poses(poses.points * self.stride, keypoint_scores, scores * kept, kept)

    def predict(
        self, feats: Sequence, batch_data_samples: Sequence, test_cfg: dict | None = None
    ) -> Predictions:
        """Poses of a batch of images of one size, in pixels of the network input.

        Args:
            feats: levels of backbone and neck; a pair ``[original, mirrored]`` of them with
                ``flip_test``; a list of such entries for the scales with ``multiscale_test``.
            batch_data_samples: their metadata say how large the image is at every scale.
            test_cfg: ``flip_test``, ``multiscale_test``, ``score_thr`` (poses below are
                dropped; default 0), ``output_heatmaps`` and ``output_attention``, see
                :func:`~centergroup_mm.models.heads.views.hand_out`.

        Returns:
            for each image InstanceData of P poses, the best first, with numpy ``keypoints``
            [P x K x 2], ``keypoint_scores`` [P x K] (visibility times expected similarity),
            ``bbox_scores`` [P] (pose score) and ``bboxes`` [P x 4] (x1, y1, x2, y2 of the
            keypoints). With ``output_heatmaps`` a pair of them and of PixelData with the
            ``heatmaps`` [K+1 x h x w] of the image at the original scale, the center last.

        Raises:
            ValueError: the images differ in size, or features are not finite.
        """
        self.loaded_weights.check()
        views = read_views(feats, batch_data_samples, test_cfg)
        metas = views.metas
        found, explanation = [], None
        rounds = [step.attention for step in self.grouping.decoder.rounds]
        for scale, levels in enumerate(views.features):
            check_finite(levels[-1], metas * (2 if views.flip_indices is not None else 1))
            explain = scale == 0 and wants(test_cfg, 'output_attention')
            with record([*rounds, self.grouping] if explain else []) as calls:
                poses = self.forward(levels)
            if explain:
                own = Poses(*(field[: len(metas)] for field in poses))
                explanation = explain_rounds(calls, own, self.stride)
            width = self.stride * levels[-1].shape[-1]
            halves = poses.scores.shape[0] // len(metas)
            for half in range(halves):
                own = Poses(*(f[half * len(metas) : (half + 1) * len(metas)] for f in poses))
                if half:
                    own = mirror_back(own, views.flip_indices, width)
                found.append(to_first_scale(own, metas, scale))
        score_thr = float((test_cfg or {}).get('score_thr', 0.0))
        instances = [
            to_instances(
                [Poses(*(f[i] for f in poses)) for poses in found],
                self.sigmas,
                self.fuse_oks,
                score_thr,
            )
            for i in range(len(metas))
        ]
        maps = None
        if wants(test_cfg, 'output_heatmaps'):
            levels = [level[: len(metas)] for level in views.features[0]]
            maps = self.detector.detect(levels).heatmaps[-1]
        return hand_out(instances, batch_data_samples, test_cfg, maps, explanation)

    def loss(
        self, feats: Sequence[Tensor], batch_data_samples: Sequence, train_cfg: dict | None = None
    ) -> dict[str, Tensor]:
        """Losses of the grouping and, with ``train_detector``, of the detector.

        Args:
            feats: levels of backbone and neck, [B x C x h' x w'] each.
            batch_data_samples: with the labels of the detector's codec: ``joints``,
                ``joints_visible`` and ``boxes`` in input pixels.
            train_cfg: not used, hyper-parameters are constructor arguments.
        """
        self.loaded_weights.trained()
        losses = {}
        if self.train_detector:
            maps = self.detector.detect(feats)
            losses.update(self.detector.map_losses(maps, batch_data_samples))
        else:
            with torch.no_grad():
                feats = [level.detach() for level in feats]
                maps = self.detector.detect(feats)
        detached = type(maps)(
            [level.detach() for level in maps.heatmaps], *(x.detach() for x in maps[1:])
        )
        poses, keypoints, centers = self.group(feats, detached)
        labels = [sample.gt_instance_labels for sample in batch_data_samples]
        persons = pad_persons(labels, self.num_keypoints, self.stride)
        return losses | self.loss_module(poses, keypoints, centers, persons)
