"""The smallest model and data set that a real mmengine Runner trains and tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmpose.registry import DATASETS, METRICS, MODELS
from torch import Tensor, nn
from torch.utils.data import Dataset


@DATASETS.register_module()
class ToyDataset(Dataset):
    """Eight numbers and their doubles, with the numpy metainfo of a pose data set."""

    metainfo = {
        'dataset_name': 'toy',
        'num_keypoints': 2,
        'sigmas': np.array([0.025, 0.1], dtype=np.float32),
        'keypoint_colors': np.array([[255, 0, 0], [0, 255, 0]], dtype=np.uint8),
        'flip_pairs': [('left', 'right')],
        'keypoint_id2name': {0: 'left', 1: 'right'},
    }

    def __init__(self, ann_file: str = '', data_root: str = '') -> None:
        super().__init__()

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        value = torch.tensor([index / 8.0])
        return {'inputs': value, 'target': 2 * value}


@MODELS.register_module()
class ToyModel(BaseModel):
    """One linear layer.

    Args:
        width: number of outputs; another one makes another model.
    """

    def __init__(self, width: int = 1) -> None:
        super().__init__()
        self.linear = nn.Linear(1, width)

    def forward(self, inputs: Tensor, target: Tensor, mode: str = 'tensor') -> Any:
        output = self.linear(inputs)
        if mode == 'loss':
            return {'loss': (output - target).square().mean()}
        return list(output)


@METRICS.register_module()
class ToyMetric(BaseMetric):
    """The mean of the outputs, as a numpy number."""

    default_prefix = 'toy'

    def process(self, data_batch: dict, data_samples: list[Tensor]) -> None:
        self.results.extend(float(sample.mean()) for sample in data_samples)

    def compute_metrics(self, results: list[float]) -> dict[str, Any]:
        return {'AP': np.mean(results)}
