"""A model of a config and a checkpoint, for ``centergroup predict`` and for Python."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.logging import MMLogger
from torch import nn

from centergroup_lite.poses import Poses

from ..checkpoints.load import check_checkpoint, check_model_weights
from ..utils.checks import load_config
from ..utils.errors import UserError
from ..utils.fusing import fuse_for_inference
from ..utils.precision import autocast, fastest_precision
from ..zoo.models import PHOTOGRAPHS, find_model
from .names import weights_of


def load_model(
    config: str | None = None, checkpoint: str | None = None, device: str = 'auto'
) -> nn.Module:
    """Build a model with all of its weights, or say in one line what does not fit.

    The model is for prediction only: see :func:`~centergroup_mm.utils.fusing.fuse_for_inference`.

    Args:
        config: a file, or the name of a config of the package; default: the photograph model.
        checkpoint: a file; default: the weights that come with the package.
        device: such as ``'cpu'`` or ``'cuda:0'``; ``'auto'`` is a GPU if there is one.

    Returns:
        the model, in evaluation mode.

    Raises:
        UserError: a file is missing or does not fit, or there is no such device.
    """
    from mmpose.apis import init_model  # after centergroup_mm has repaired it, see compat.py

    if device == 'auto':
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    MMLogger.get_instance('mmengine').setLevel('ERROR')
    model_of = find_model(config or PHOTOGRAPHS)  # an alias is not the name of the config
    config = model_of.name if model_of else str(config)
    cfg = load_config(config)
    if cfg.get('data_mode') == 'topdown':
        raise UserError(f'{config} is a top-down model, which needs boxes of people')
    weights = checkpoint or str(weights_of(Path(config).stem))
    content = check_checkpoint(weights)
    with warnings.catch_warnings(record=True):  # that it takes COCO's keypoints, see below
        model = init_model(cfg, None, device='cpu')
    check_model_weights(model, weights)
    # those that the model was trained with come first, as in MMPose
    meta = content.get('meta')
    model.dataset_meta = (meta or {}).get('dataset_meta') or model.dataset_meta
    try:
        return fuse_for_inference(model.to(device))
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch without CUDA
        reason = str(error).splitlines()[0]
        raise UserError(f'--device {device} cannot be used: {reason}') from error


class TorchPredictor:
    """Finds people with a model, as MMPose's ``inference_bottomup`` does.

    Args:
        model: result of :func:`load_model`.
        precision: of backbone and detector: ``'float32'``, ``'bfloat16'``, ``'float16'``, or
            ``'auto'`` for what is fastest on the model's device
            (:func:`~centergroup_mm.utils.precision.fastest_precision`).
    """

    def __init__(self, model: nn.Module, precision: str = 'float32') -> None:
        self.model = model
        self._device = next(model.parameters()).device
        self._precision = fastest_precision(self._device) if precision == 'auto' else precision
        meta = model.dataset_meta
        names = meta['keypoint_id2name']
        self.joints: Sequence[str] = [names[index] for index in range(len(names))]
        self.skeleton: Sequence[Sequence[int]] = meta['skeleton_links']
        self._pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)

    def find(self, image: np.ndarray) -> Poses:
        """Find all people in an image [H x W x 3] uint8, BGR."""
        data = self._pipeline({'img': image, **self.model.dataset_meta})
        with torch.no_grad(), autocast(self._precision, self._device):
            found = self.model.test_step(pseudo_collate([data]))[0].pred_instances
        poses = Poses(
            np.asarray(found.keypoints), np.asarray(found.keypoint_scores), found.bbox_scores
        )
        if not all(np.isfinite(field).all() for field in poses):
            raise UserError('the model gives values that are not finite')
        return poses
