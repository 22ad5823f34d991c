"""The model that the benchmark measures, with random weights, and its training steps.

The detector's output is replaced, after it was computed, by maps painted from the people of
synthetic scenes.  Axis letters: B images, T = K + 1 heatmap types.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import Tensor, nn

from centergroup_mm.models.heads import CenterGroupHead
from centergroup_mm.utils.errors import UserError
from centergroup_mm.utils.skeleton import read_metainfo

from .baselines import load_offsets
from .scenes import Scenes


class Workload:
    """A model with random weights and its training steps.

    Args:
        cfg: of a ``BottomupPoseEstimator`` with a ``CenterGroupHead``.
        device: where it runs.
    """

    def __init__(self, cfg: Config, device: torch.device | str = 'cpu') -> None:
        init_default_scope('mmpose')
        torch.manual_seed(0)
        self.cfg = cfg
        self.device = torch.device(device)
        model = MODELS.build(copy.deepcopy(cfg.model))
        if not isinstance(getattr(model, 'head', None), CenterGroupHead):
            raise UserError('the benchmark needs a config whose head is a CenterGroupHead')
        self.model = model.to(self.device).eval()
        self.head = model.head
        self.joints = self.head.num_keypoints
        self.amp = self.device.type == 'cuda' and cfg.optim_wrapper.type == 'AmpOptimWrapper'
        dataset = cfg.train_dataloader.dataset
        self.flip = list(read_metainfo(dataset.get('metainfo') or dataset.type).flip_indices)
        self.offsets, self.notes = load_offsets(cfg, self.device)

    def scenes(self, size: tuple[int, int], images: int, people: int) -> Scenes:
        """Draw so many pictures of (w, h) pixels with at most so many people each."""
        return Scenes(self.cfg, size, images, people, self.joints, self.device)

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
        """Forward and backward; ``learning`` batch norms learn whatever the config freezes."""
        self.model.train()
        frozen = [p for norm in learning for p in norm.parameters() if not p.requires_grad]
        for norm in learning:
            norm.train().requires_grad_(True)
        self.model.zero_grad(set_to_none=True)
        hook = self.head.detector.register_forward_hook(
            lambda module, inputs, output: painted_over(output, levels)
        )
        try:
            with torch.autocast(self.device.type, enabled=self.amp):
                features = self.model.extract_feat(images)
                if detector_only:
                    detector = self.head.detector
                    heatmaps, _ = detector.split(detector((features[-1],)))
                    losses = detector.heatmap_losses(heatmaps, samples)
                else:
                    losses = self.head.loss(features, samples)
                loss = sum(losses.values())
            loss.backward()
        finally:
            hook.remove()
            self.model.eval()
            for parameter in frozen:
                parameter.requires_grad_(False)
        return float(loss.detach())


def paint(output: Sequence[Tensor], levels: Sequence[Tensor]) -> None:
    """Write heatmaps [B x T x h x w] over those in the detector's output, in place."""
    for maps, level in zip(output, levels, strict=True):
        maps[:, : level.shape[1]] = level


def painted_over(output: Sequence[Tensor], levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """A detector's output with painted heatmaps and, in training, with its own gradient.

    Args:
        output: [B x >=T x h x w] of both levels, tags behind the heatmaps.
        levels: [B x T x h x w] of both levels.
    """
    painted = tuple(maps.detach().clone() for maps in output)
    paint(painted, levels)
    if not output[0].requires_grad:
        return painted
    return tuple(seen + real - real.detach() for seen, real in zip(painted, output, strict=True))
