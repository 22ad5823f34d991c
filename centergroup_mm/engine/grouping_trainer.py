"""Training of the grouping on cached proposals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from .proposal_cache import View, stack_views

#: parameters without weight decay, as they are no weights of a layer
NO_DECAY = ('score_weight', 'own_bias', 'log_width', 'distance_weight')


@torch.no_grad()
def set_standardization(grouping: nn.Module, views: Sequence[View], count: int = 100) -> None:
    """Set mean and deviation of the sampled features from some views."""
    step = max(1, len(views) // count)
    sampled = [values.flatten(0, -2).float() for view in views[::step] for values in view.features]
    values = torch.cat(sampled)
    grouping.embedding.mean.copy_(values.mean(0))
    grouping.embedding.std.copy_(values.std(0) + 1e-3)


class WeightMean:
    """Exponential moving average of the weights of a module, with a shorter memory at first."""

    def __init__(self, module: nn.Module, decay: float = 0.995) -> None:
        self.decay = decay
        self.updates = 0
        self.weights = {name: value.clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Add the current weights."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 10))
        for name, value in module.state_dict().items():
            self.weights[name].lerp_(value, 1 - decay)


def train_grouping(
    grouping: nn.Module,
    loss_module: nn.Module,
    views: Sequence[View],
    epochs: int,
    batch_size: int = 16,
    max_lr: float = 6e-3,
    weight_decay: float = 1e-2,
    num_centers: int = 18,
    seed: int = 0,
    report: Callable[[int, dict[str, float]], None] = lambda epoch, losses: None,
) -> None:
    """Train a ``PointGrouping``; its final weights are a moving average.

    Args:
        grouping: trained in place.
        loss_module: ``PointGroupingLoss``.
        views: cached images.
        epochs: times all views are seen.
        batch_size: views for each step.
        max_lr: of AdamW; the rate rises for a tenth of the steps and then falls to 0.
        weight_decay: of AdamW, for the weights of layers.
        num_centers: centers of each image that are trained, the best ones.
        seed: of the order of the views.
        report: called after each epoch with its number and mean losses.
    """
    groups = {True: [], False: []}
    for name, parameter in grouping.named_parameters():
        groups[name.rsplit('.', 1)[-1] in NO_DECAY].append(parameter)
    optimizer = torch.optim.AdamW(
        [
            dict(params=groups[False], weight_decay=weight_decay),
            dict(params=groups[True], weight_decay=0.0),
        ],
        lr=max_lr / 4,
    )
    steps = max(1, len(views) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr, steps * epochs, pct_start=0.1)
    generator = torch.Generator().manual_seed(seed)
    mean = WeightMean(grouping)
    for epoch in range(epochs):
        grouping.train()
        sums: dict[str, float] = {}
        for chosen in torch.randperm(len(views), generator=generator).split(batch_size)[:steps]:
            batch = stack_views([views[i] for i in chosen.tolist()], num_centers)
            poses = grouping(batch.features, batch.keypoints, batch.centers)
            losses = loss_module(poses, batch.keypoints, batch.centers, batch.persons)
            optimizer.zero_grad()
            sum(losses.values()).backward()
            nn.utils.clip_grad_norm_(grouping.parameters(), 2.0)
            optimizer.step()
            schedule.step()
            mean.update(grouping)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.item() / steps
        report(epoch + 1, sums)
    grouping.load_state_dict(mean.weights)
    grouping.eval()
