"""Training and evaluation, the same for every row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from study_common.precision import Matches, match_images
from torch import Tensor, nn

from centergroup_mm.engine.grouping_trainer import NO_DECAY, WeightMean
from centergroup_mm.models.grouping import Poses
from centergroup_mm.models.grouping.pose_similarity import suppress

from .proposals import Cache, TestSet, take, widen

#: OKS from which two poses are one person, in every row
SUPPRESS_OKS = 0.9


@torch.no_grad()
def set_constants(module: nn.Module, cache: Cache) -> None:
    """Mean and deviation of the sampled features, from some views."""
    owner = getattr(module, 'embedding', module)
    some = cache.view.features
    step = max(1, len(some.centers) // 200)
    values = torch.cat([x[::step].flatten(0, -2).float() for x in some])
    owner.mean.copy_(values.mean(0))
    owner.std.copy_(values.std(0) + 1e-3)


def train(
    method: nn.Module,
    cache: Cache,
    steps: int,
    batch_size: int,
    max_lr: float,
    seed: int,
    device: torch.device,
) -> None:
    """Train in place; the final weights are a moving average.

    Args:
        method: of a row, on the device.
        cache: the views, in the processor's memory or on the device.
        steps: number of batches.
        batch_size: views in each.
        max_lr: of AdamW; the rate rises for a tenth of the steps and then falls to 0.
        seed: of the order of the views.
        device: where it is trained.
    """
    groups: dict[bool, list[Tensor]] = {True: [], False: []}
    for name, parameter in method.named_parameters():
        if parameter.requires_grad:
            groups[name.rsplit('.', 1)[-1] in NO_DECAY].append(parameter)
    optimizer = torch.optim.AdamW(
        [
            dict(params=groups[False], weight_decay=1e-2),
            dict(params=groups[True], weight_decay=0.0),
        ],
        lr=max_lr,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr, steps, pct_start=0.1)
    generator = torch.Generator().manual_seed(seed)
    mean = WeightMean(method, 0.99)
    matched = cache.greedy if getattr(method, 'matching', '') == 'greedy' else cache.hungarian
    order = torch.empty(0, dtype=torch.long)
    method.train()
    for _ in range(steps):
        while len(order) < batch_size:
            order = torch.cat([order, torch.randperm(len(matched), generator=generator)])
        index, order = order[:batch_size].to(matched.device), order[batch_size:]
        batch = widen(take(cache.view, index), device)
        losses = method.losses(batch, matched[index].to(device))
        optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        nn.utils.clip_grad_norm_(method.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        mean.update(method)
    method.load_state_dict(mean.weights)
    method.eval()


@torch.no_grad()
def predict(method: nn.Module | None, test: TestSet, device: torch.device) -> list[Poses]:
    """Poses of every photograph, in cells.

    Args:
        method: of a row; None for the detector's own decoding.
        test: the photographs.
        device: where the method is.
    """
    poses = []
    for start in range(0, len(test.ids), 50):
        some = slice(start, start + 50)
        if method is None:
            own = take(test.snapped, some)
            batch = Poses(own.keypoints, own.keypoint_scores, own.scores, own.valid)
        else:
            batch = method.predict(widen(take(test.view, some), device))
        poses += [Poses(*(field[i].cpu() for field in batch)) for i in range(len(batch.scores))]
    return poses


def as_results(poses: list[Poses], test: TestSet, sigmas: list[float], stride: int) -> list[dict]:
    """COCO results after suppression; poses in cells."""
    constants, results = torch.tensor(sigmas), []
    for index, ratio, own in zip(test.ids, test.ratios, poses, strict=True):
        kept = (
            own.valid
            & suppress(
                own.keypoints[None],
                own.scores[None],
                constants,
                SUPPRESS_OKS,
                own.keypoint_scores[None].clamp(0, 1),
            )[0]
        )
        order = own.scores.masked_fill(~kept, -1).argsort(descending=True)[:20]
        for slot in order[kept[order]].tolist():
            places = own.keypoints[slot] * stride / torch.as_tensor(ratio).float()
            joints = torch.cat([places, own.keypoint_scores[slot][:, None]], 1)
            results.append(
                dict(
                    image_id=index,
                    category_id=1,
                    keypoints=joints.flatten().tolist(),
                    score=float(own.scores[slot]),
                )
            )
    return results


def evaluate(
    method: nn.Module | None,
    test: TestSet,
    annotations: Path,
    sigmas: list[float],
    device: torch.device,
    stride: int = 4,
) -> Matches:
    """Matches of all photographs."""
    results = as_results(predict(method, test, device), test, sigmas, stride)
    return match_images(annotations, results, test.ids, np.asarray(sigmas))
