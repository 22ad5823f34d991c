"""Training steps on views that are drawn on the device, with a moving average of the weights."""

from __future__ import annotations

import argparse
import time

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from centergroup_mm.engine.grouping_trainer import NO_DECAY
from centergroup_mm.models.grouping.pose_similarity import AREA_OF_BOX
from centergroup_mm.models.losses.point_grouping_loss import Persons
from centergroup_mm.utils.errors import UserError

from .targets import draw_heatmaps
from .views import RandomViews, Views


class Trainer:
    """One training run; its weights are a moving average.

    Args:
        model: pose estimator with a ``PointCenterGroupHead``, on its device.
        views: draws the batches.
        steps: number of batches.
        args: of the command line.
        train_detector: False to train the grouping alone.
    """

    def __init__(
        self,
        model: nn.Module,
        views: RandomViews,
        steps: int,
        args: argparse.Namespace,
        train_detector: bool,
    ) -> None:
        self.model = model
        self.views = views
        self.steps = steps
        self.batch_size = args.batch_size
        self.train_detector = train_detector
        for part in detector_parts(model):
            part.requires_grad_(train_detector)
        self.mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.998))
        self.optimizer = torch.optim.AdamW(self._groups(args), betas=(0.9, 0.99))
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            [group['lr'] for group in self.optimizer.param_groups],
            steps,
            pct_start=0.1,
        )

    def _groups(self, args: argparse.Namespace) -> list[dict]:
        """Parameters with their highest learning rate and weight decay."""
        decays: dict[bool, list[Tensor]] = {True: [], False: []}
        for name, parameter in self.model.head.grouping.named_parameters():
            decays[name.rsplit('.', 1)[-1] not in NO_DECAY].append(parameter)
        groups = [
            dict(params=decays[True], lr=args.grouping_lr, weight_decay=1e-2),
            dict(params=decays[False], lr=args.grouping_lr, weight_decay=0.0),
        ]
        if self.train_detector:
            detector = [p for part in detector_parts(self.model) for p in part.parameters()]
            groups.append(dict(params=detector, lr=args.detector_lr, weight_decay=0.0))
        return groups

    def losses(self, views: Views) -> dict[str, Tensor]:
        """Losses of detector and grouping on a batch."""
        head = self.model.head
        with torch.set_grad_enabled(self.train_detector):
            feats = self.model.extract_feat(normalize(self.model, views.images))
            maps = head.detector(feats)
        losses = {}
        if self.train_detector:
            heatmaps = draw_heatmaps(views, head.stride)
            persons = views.labeled.any(-1)
            counts = persons.sum(1).tolist()
            listed = (
                (values[persons].float() / unit).split(counts)
                for values, unit in (
                    (views.keypoints, head.stride),
                    (views.labeled, 1),
                    (views.boxes, head.stride),
                )
            )
            losses = head.detector.loss_module(
                maps, heatmaps, torch.ones_like(heatmaps[:, 0]), *listed
            )
        detection = head.detector.as_detection(type(maps)(*(part.detach() for part in maps)))
        features, keypoints, centers = head.read(feats, detection)
        poses = head.grouping(features, keypoints, centers)
        return losses | head.loss_module(poses, keypoints, centers, self._persons(views))

    def _persons(self, views: Views) -> Persons:
        """The labels in cells."""
        stride = self.model.head.stride
        sides = (views.boxes[..., 2:] - views.boxes[..., :2]).clamp(min=0) / stride
        return Persons(
            views.keypoints / stride, views.labeled, (AREA_OF_BOX * sides.prod(-1)).clamp(min=1e-3)
        )

    def run(self) -> nn.Module:
        """Train; returns the model with averaged weights."""
        self.model.train()
        number, start = len(self.views.photographs.images), time.monotonic()
        order = torch.empty(0, dtype=torch.long)
        sums: dict[str, Tensor] = {}
        for step in range(1, self.steps + 1):
            if len(order) < self.batch_size:
                order = torch.cat([order, torch.randperm(number)])
            index, order = order.split([self.batch_size, len(order) - self.batch_size])
            losses = self.losses(self.views.draw(index.to(self.views.device)))
            self.optimizer.zero_grad(set_to_none=True)
            sum(losses.values()).backward()
            for group in self.optimizer.param_groups:
                nn.utils.clip_grad_norm_(group['params'], 2.0)
            self.optimizer.step()
            self.schedule.step()
            self.mean.update_parameters(self.model)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0) + value.detach()
            if step % 100 == 0 or step == self.steps:
                self._report(step, sums, time.monotonic() - start)
                sums = {}
        return self.mean.module.eval()

    def _report(self, step: int, sums: dict[str, Tensor], seconds: float) -> None:
        count = (step - 1) % 100 + 1
        means = {name.removeprefix('loss_'): float(total) / count for name, total in sums.items()}
        if not all(map(torch.isfinite, map(torch.tensor, means.values()))):
            raise UserError(f'step {step}: a loss is not finite, try a smaller --detector-lr')
        listed = ', '.join(f'{name} {value:.3f}' for name, value in means.items())
        print(f'step {step} of {self.steps}, {seconds:.0f} s: {listed}', flush=True)


def normalize(model: nn.Module, images: Tensor) -> Tensor:
    """RGB images from 0 to 255 as the backbone takes them."""
    preprocessor = model.data_preprocessor
    return (images - preprocessor.mean) / preprocessor.std


def detector_parts(model: nn.Module) -> list[nn.Module]:
    """What comes before the grouping."""
    return [model.backbone, model.neck, model.head.detector]


@torch.no_grad()
def average_detector(model: nn.Module, first: dict[str, Tensor], share: float) -> None:
    """Set the detector to an average of its weights and those that it came with.

    Args:
        model: its detector is changed.
        first: state of the model before training.
        share: of the present weights.
    """
    for prefix in ('backbone', 'neck', 'head.detector'):
        for name, value in model.get_submodule(prefix).named_parameters():
            value.lerp_(first[f'{prefix}.{name}'], 1 - share)


@torch.no_grad()
def set_statistics(model: nn.Module, batches: list[Tensor]) -> None:
    """Set mean and deviation of the sampled features from some batches."""
    head, sampled = model.head, []
    for images in batches:
        feats = model.extract_feat(images)
        features, _, centers = head.read(feats, head.detector.detect(feats))
        sampled.append(features.keypoints.flatten(0, -2))
        sampled.append(features.centers[centers.valid])
        sampled.append(features.regressed[centers.valid].flatten(0, -2))
    values = torch.cat(sampled)
    head.grouping.embedding.mean.copy_(values.mean(0))
    head.grouping.embedding.std.copy_(values.std(0) + 1e-3)
