"""The models that the benchmark measures, with random weights, and what they are compared with.

After the detector has computed its heatmaps, they are replaced by maps that are painted from the
people of synthetic scenes.  Axis letters: B images, V views (2 with flip test), K keypoint types,
T = K + 1 heatmap types.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.codecs.associative_embedding import AssociativeEmbedding
from mmpose.registry import MODELS
from torch import Tensor, nn

from centergroup_mm.codecs.center_associative_embedding import JOINT_ORDERS
from centergroup_mm.models.grouping import mirror_heatmaps
from centergroup_mm.models.heads import CenterGroupHead
from centergroup_mm.models.heads.detector import DetectorMaps
from centergroup_mm.utils.errors import UserError
from centergroup_mm.utils.fusing import fuse_for_inference
from centergroup_mm.utils.skeleton import read_metainfo

from .clock import replaced
from .scenes import Scenes


class Baseline(Protocol):
    """Another method from merged heatmaps to poses, named by ``--baseline MODULE:CLASS``.

    The class is called with the config of the model and the device.

    Attributes:
        name: its times are called ``NAME@PEOPLE`` in the results.
        label: for the legend of the plot.
    """

    name: str
    label: str

    def prepare(self, levels: Sequence[Tensor], maps: Tensor) -> Any:
        """Compute the inputs of the grouping; not timed.

        Args:
            levels: features of backbone and neck, [V B x C x h x w] each.
            maps: merged heatmaps [B x T x H x W].
        """
        ...

    def group(self, given: Any, feats: Any, samples: Sequence, test_cfg: dict) -> Sequence:
        """Form poses; timed.

        Args:
            given: result of :meth:`prepare`.
            feats: as MMPose passes them to ``head.predict``, like the next two arguments.
            samples: data samples of the B images.
            test_cfg: with ``flip_test``.
        """
        ...


def load_baseline(entry: str, cfg: Config, device: torch.device | str) -> Baseline:
    """Import and build a baseline.

    Args:
        entry: ``MODULE:CLASS``.
        cfg: of the model that it is compared with.
        device: where it runs.

    Raises:
        UserError: there is no such class.
    """
    module, _, name = entry.partition(':')
    try:
        return getattr(importlib.import_module(module), name)(cfg, device)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f'--baseline {entry} cannot be imported ({error}): name MODULE:CLASS, and install its '
            'package or put its folder on PYTHONPATH'
        ) from error


class TagDecoder:
    """MMPose's associative embedding at input resolution, set as for its own models.

    ``AssociativeEmbedding.batch_decode`` is unchanged and gets the very merged heatmaps from
    which CenterGroup's proposals come.  Its tags are painted: every cell has the tag of the
    person whose keypoint of that type is nearest, and the tags of two people are at least two
    apart in every view.  So its grouping problem is easy: no tag is noisy and no two people are
    alike, which no trained network reaches, and the assignment inside ends as early as it can.
    Its maps are at input resolution, as in the official implementation of HigherHRNet.

    Args:
        size: (w, h) of the network input in pixels.
        num_keypoints: K.
    """

    def __init__(self, size: tuple[int, int], num_keypoints: int) -> None:
        self.codec = AssociativeEmbedding(
            input_size=size,
            heatmap_size=size,
            decode_keypoint_order=list(JOINT_ORDERS.get(num_keypoints, range(num_keypoints))),
            decode_topk=30,
            decode_center_shift=0.5,
            decode_max_instances=30,
        )

    @staticmethod
    def merge_tags(tags: Tensor, flip_indices: Tensor | None) -> Tensor:
        """Tags of the views at input resolution.

        Args:
            tags: [V B x K x h x w] at 1/4, all images and then all mirrored images.
            flip_indices: [K]; V = 2 if given.

        Returns:
            [B x V K x H x W], repeated rather than interpolated, which keeps them well apart.
        """
        if flip_indices is not None:
            original, flipped = tags.chunk(2)
            tags = torch.cat([original, mirror_heatmaps(flipped, flip_indices)], dim=1)
        return F.interpolate(tags, scale_factor=4, mode='nearest')

    def decode(self, maps: Tensor, tags: Tensor) -> Any:
        """Poses; arguments are [B x K x H x W] and [B x V K x H x W]."""
        return self.codec.batch_decode(maps, tags)


class Workload:
    """A model with random weights and its training steps.

    ``model`` and its ``head`` are as they are built, which is how MMPose runs a detector with
    associative embedding, and how models are trained. ``fused`` is the same model in the form in
    which this package predicts, see :func:`~centergroup_mm.utils.fusing.fuse_for_inference`.

    Args:
        cfg: of a ``BottomupPoseEstimator`` with a ``CenterGroupHead``.
        device: where it runs.
        baseline: ``MODULE:CLASS`` of a :class:`Baseline` to measure too.

    Raises:
        UserError: the config has another head, or there is no such baseline.
    """

    def __init__(
        self, cfg: Config, device: torch.device | str = 'cpu', baseline: str | None = None
    ) -> None:
        init_default_scope('mmpose')
        torch.manual_seed(0)
        self.cfg = cfg
        self.device = torch.device(device)
        model = MODELS.build(copy.deepcopy(cfg.model))
        if not isinstance(getattr(model, 'head', None), CenterGroupHead):
            raise UserError('the benchmark needs a config whose head is a CenterGroupHead')
        self.model = model.to(self.device).eval()
        self.head = model.head
        self.fused = fuse_for_inference(copy.deepcopy(self.model))
        self.num_keypoints = self.head.num_keypoints
        self.amp = self.device.type == 'cuda' and cfg.optim_wrapper.type == 'AmpOptimWrapper'
        dataset = cfg.train_dataloader.dataset
        self.flip = list(read_metainfo(dataset.get('metainfo') or dataset.type).flip_indices)
        self.baseline = load_baseline(baseline, cfg, self.device) if baseline else None

    def scenes(self, size: tuple[int, int], images: int, people: int) -> Scenes:
        """Draw images of (w, h) pixels with at most ``people`` people each."""
        return Scenes(self.cfg, size, images, people, self.num_keypoints, self.device)

    def training_calls(
        self, scenes: Scenes, images: int, people: int
    ) -> dict[str, Callable[[], float]]:
        """Return the training steps that are compared, each of which returns its loss.

        A step is a forward and a backward pass, without the optimizer's, which would dilute the
        ratio.

        Args:
            scenes: at least as many as ``images``.
            images: of a batch.
            people: in each image.

        Returns:
            ``train_detector``, the heatmap loss with nothing behind the detector, whose batch
            norms learn as they do when it is trained alone, in stage 1; ``train_frozen``, the
            same with them frozen as in stage 2; and ``train_step``, all losses.
        """
        norms = [
            module
            for part in (self.model.backbone, self.head.detector)
            for module in part.modules()
            if isinstance(module, nn.modules.batchnorm._NormBase)
        ]
        given = (
            scenes.images[:images],
            scenes.training_samples(images, people),
            scenes.levels(images, people),
        )
        return dict(
            train_detector=lambda: self._train_step(*given, detector_only=True, learning=norms),
            train_frozen=lambda: self._train_step(*given, detector_only=True),
            train_step=lambda: self._train_step(*given, detector_only=False),
        )

    def _train_step(
        self,
        images: Tensor,
        samples: Sequence,
        levels: Sequence[Tensor],
        detector_only: bool,
        learning: Sequence[nn.Module] = (),
    ) -> float:
        """Forward and backward pass; the batch norms in ``learning`` are trained even if frozen."""
        self.model.train()
        frozen = [p for norm in learning for p in norm.parameters() if not p.requires_grad]
        for norm in learning:
            norm.train().requires_grad_(True)
        self.model.zero_grad(set_to_none=True)
        detector = self.head.detector
        detect = detector.detect
        try:
            with (
                torch.autocast(self.device.type, enabled=self.amp),
                replaced(detector, detect=lambda feats: painted_over(detect(feats), levels)),
            ):
                features = self.model.extract_feat(images)
                if detector_only:
                    losses = detector.map_losses(detector.detect(features), samples)
                else:
                    losses = self.head.loss(features, samples)
                loss = sum(losses.values())
            loss.backward()
        finally:
            self.model.eval()
            for parameter in frozen:
                parameter.requires_grad_(False)
        return float(loss.detach())


def paint(maps: DetectorMaps, levels: Sequence[Tensor]) -> DetectorMaps:
    """Write heatmaps [B x T x h x w] over those of a detector, in place."""
    for predicted, level in zip(maps.heatmaps, levels, strict=True):
        predicted.copy_(level)
    return maps


def painted_over(maps: DetectorMaps, levels: Sequence[Tensor]) -> DetectorMaps:
    """A detector's maps with painted heatmaps and, in training, with their own gradient.

    Args:
        maps: result of ``detector.detect``.
        levels: [B x T x h x w] of each of its levels.
    """
    return maps._replace(
        heatmaps=[
            level + (predicted - predicted.detach())
            if predicted.requires_grad
            else torch.empty_like(predicted).copy_(level)  # in the same order in memory
            for predicted, level in zip(maps.heatmaps, levels, strict=True)
        ]
    )
