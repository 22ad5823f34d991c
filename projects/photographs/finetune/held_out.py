"""Calibration and average precision on photographs that were not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import nn
from torch.nn import functional as F

from centergroup_mm.datasets.transforms.resize_long_side import resize_and_pad
from centergroup_mm.evaluation.average_precision import coco_numbers
from centergroup_mm.evaluation.reliability import judge_poses
from centergroup_mm.utils.instances import pose_instances

from .photographs import read_image


def read_squares(
    coco: dict, folder: Path, ids: Sequence[int], long_side: int, batch_size: int = 32
) -> Iterator[tuple[Sequence[int], torch.Tensor, list[np.ndarray]]]:
    """Batches of photographs, scaled and padded to squares.

    Args:
        coco: content of the annotation file.
        folder: of the images.
        ids: of the images.
        long_side: to which they are scaled, in pixels.
        batch_size: images at a time.

    Yields:
        ids, images [B x 3 x S x S] and, for each image, the (x, y) pixels of the square for each
        pixel of the annotations.
    """
    infos = {info['id']: info for info in coco['images']}
    for start in range(0, len(ids), batch_size):
        some, batch, ratios = ids[start : start + batch_size], [], []
        for index in some:
            image = read_image(folder, infos[index]['file_name'], 10**6)
            padded, ratio = resize_and_pad(image, long_side)
            square = np.zeros((long_side, long_side, 3), dtype=np.uint8)
            square[: padded.shape[0], : padded.shape[1]] = padded
            batch.append(torch.from_numpy(square.transpose(2, 0, 1)))
            ratios.append(ratio * image.shape[1] / infos[index]['width'])
        yield some, torch.stack(batch).float(), ratios


@torch.no_grad()
def predict(
    model: nn.Module,
    coco: dict,
    folder: Path,
    ids: Sequence[int],
    long_side: int = 512,
    batch_size: int = 32,
) -> Iterator[tuple[dict, InstanceData]]:
    """Annotations' entry and poses of each image, in pixels of the image.

    Args:
        model: pose estimator with a ``PointCenterGroupHead``, on its device.
        coco: content of the annotation file.
        folder: of the images.
        ids: of the images.
        long_side: to which they are scaled.
        batch_size: images at a time, padded to squares.
    """
    device = next(model.parameters()).device
    infos = {info['id']: info for info in coco['images']}
    for some, images, ratios in read_squares(coco, folder, ids, long_side, batch_size):
        images = images.to(device)
        preprocessor = model.data_preprocessor
        feats = model.extract_feat((images - preprocessor.mean) / preprocessor.std)
        poses = [field.cpu().numpy() for field in model.head.forward(feats)]
        for row, index in enumerate(some):
            keypoints, scores, pose_scores, valid = (field[row] for field in poses)
            order = np.argsort(-pose_scores, kind='stable')
            order = order[valid[order]]
            found = (keypoints[order] / ratios[row], scores[order], pose_scores[order])
            yield infos[index], pose_instances(*found, 0.0)


def as_results(predictions: Iterator[tuple[dict, InstanceData]]) -> list[dict]:
    """COCO results."""
    results = []
    for info, poses in predictions:
        joints = np.concatenate([poses.keypoints, poses.keypoint_scores[..., None]], -1)
        results += [
            dict(
                image_id=info['id'],
                category_id=1,
                keypoints=pose.flatten().tolist(),
                score=float(score),
            )
            for pose, score in zip(joints, poses.bbox_scores, strict=True)
        ]
    return results


def calibrate(
    model: nn.Module, coco: dict, annotations: Path, folder: Path, ids: Sequence[int]
) -> None:
    """Set slope and shift of the pose scores so that they are the share of right poses.

    A pose is right from OKS 0.5 on. The two numbers maximize the likelihood of what is right.

    Args:
        model: its head's ``calibration`` is set.
        coco: content of the annotation file.
        annotations: the annotation file.
        folder: of the images.
        ids: of the images, not trained on.
    """
    head = model.head
    head.calibration.copy_(torch.tensor([1.0, 0.0]))
    results = as_results(predict(model, coco, folder, ids))
    sigmas = head.sigmas.tolist()
    scores, right, _ = judge_poses(annotations, results, sigmas, image_ids=ids)
    kept = scores > 0.003  # hundreds of poses that nobody would draw say nothing about the others
    logits = torch.from_numpy(scores[kept]).double().clamp(1e-6, 1 - 1e-6).logit()
    labels = torch.from_numpy(right[kept]).double()
    line = torch.tensor([1.0, 0.0], dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([line], max_iter=100)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(line[0] * logits + line[1], labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    head.calibration.copy_(line.detach().float())


def evaluate(
    model: nn.Module, coco: dict, annotations: Path, folder: Path, ids: Sequence[int]
) -> str:
    """Average precision and calibration as a line of text; arguments as of :func:`calibrate`."""
    results = as_results(predict(model, coco, folder, ids))
    numbers = coco_numbers(annotations, results, ids, model.head.sigmas.tolist())
    slope, shift = model.head.calibration.tolist()
    listed = ', '.join(f'{name} {value:.4f}' for name, value in numbers.items())
    return f'{len(ids)} photographs held out: {listed}, calibration {slope:.4f} {shift:.4f}'
