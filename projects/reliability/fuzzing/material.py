"""The real files that cases damage: drawn scenes, photographs, weights, a config."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from centergroup_mm.inference import TorchPredictor, load_model
from centergroup_mm.synthetic import write_dataset
from centergroup_mm.zoo import weights_of

from .commands import ROOT

CONFIG = ROOT / 'configs' / 'centergroup_small256_synthetic.py'
TINY = ROOT / 'configs' / 'centergroup_tiny_synthetic.py'
#: of the smallest config: fewer images and pixels
SHORT = """
model = dict(test_cfg=dict(flip_test=False))
codec = dict(
    type='AttentionGroupingCodec', input_size=(64, 64), sigma=2, mirror_on_grid=False)
train_dataloader['dataset'] = dict(train_dataloader['dataset'], pipeline=[
    dict(type='LoadPoseImage'),
    dict(
        type='CenterGroupRandomAffine', input_size=(64, 64), shift_prob=1.0, shift_factor=0.08,
        scale_factor=(0.85, 1.2), rotate_factor=0.0),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='CrowdHeatmapMask'),
    dict(type='BottomupPaddingMask'),
    dict(type='PackPoseInputs')])
val_dataloader['dataset'] = dict(val_dataloader['dataset'], pipeline=[
    dict(type='LoadPoseImage'),
    dict(type='CenterGroupResize', input_size=(64, 64)),
    dict(type='PackPoseInputs', meta_keys=(
        'id', 'img_id', 'img_path', 'ori_shape', 'img_shape', 'input_size', 'input_center',
        'input_scale', 'flip', 'flip_direction', 'flip_indices', 'raw_ann_info',
        'dataset_name'))])
"""


@dataclass
class Material:
    """Files of a folder that stay while all cases run.

    =========== ==================================================================
    folder      where they are
    images      image files of several formats
    config      a config file whose data are the scenes
    weights     a checkpoint file of that config
    tiny        a config of a model that trains one iteration in a second
    annotations content of the annotation file of the scenes
    scenes      the folder with that file and its images
    =========== ==================================================================
    """

    folder: Path
    images: list[Path]
    config: Path
    tiny: Path
    weights: Path
    annotations: dict[str, Any]
    scenes: Path

    @functools.cached_property
    def model(self) -> nn.Module:
        """The trained model."""
        return load_model(str(self.config), str(self.weights), 'cpu')

    @functools.cached_property
    def predictor(self) -> TorchPredictor:
        """The same, which finds people."""
        return TorchPredictor(self.model)

    @functools.cached_property
    def scene(self) -> np.ndarray:
        """One drawn scene [H x W x 3], in which the model finds people."""
        return cv2.imread(str(self.images[0]))


def make(folder: Path) -> Material:
    """Write everything into a folder."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    scenes = folder / 'scenes'
    write_dataset(scenes, 'demo', 6, 5, (160, 128), progress=False)
    config = folder / 'model.py'
    config.write_text(config_text(CONFIG, scenes))
    tiny = folder / 'tiny.py'
    tiny.write_text(config_text(TINY, scenes) + SHORT)
    images = _images(folder / 'images', sorted((scenes / 'images').glob('*'))[0])
    content = json.loads((scenes / 'person_keypoints.json').read_text())
    weights = weights_of('centergroup_small_synthetic')
    return Material(folder, images, config, tiny, weights, content, scenes)


def config_text(base: Path, scenes: Path) -> str:
    """Text of a config whose data are some scenes, and whose training is one iteration."""
    return f"""_base_ = ['{base}']
data = dict(
    data_root='{scenes}/', ann_file='person_keypoints.json', data_prefix=dict(img='images/'))
train_dataloader = dict(batch_size=1, dataset=data)
val_dataloader = dict(batch_size=2, dataset=data)
test_dataloader = dict(batch_size=2, dataset=data)
val_evaluator = dict(ann_file='{scenes}/person_keypoints.json')
test_evaluator = val_evaluator
train_cfg = dict(max_iters=1, val_interval=1)
param_scheduler = []
log_level = 'WARNING'
work_dir = 'run'
"""


def _images(folder: Path, scene: Path) -> list[Path]:
    """A scene in several formats, and photographs if scikit-image is installed."""
    folder.mkdir()
    image = cv2.imread(str(scene))
    paths = []
    for ending in ('jpg', 'png', 'bmp', 'webp', 'tif'):
        paths.append(folder / f'scene.{ending}')
        cv2.imwrite(str(paths[-1]), image)
    variants = {
        'gray.png': cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
        'alpha.png': cv2.cvtColor(image, cv2.COLOR_BGR2BGRA),
        'deep.png': image.astype(np.uint16) * 257,
    }
    try:
        from skimage import data
    except ImportError:
        data = None
    if data is not None:
        variants['photograph.jpg'] = data.astronaut()[..., ::-1]
        variants['photograph.png'] = data.camera()
    for name, pixels in variants.items():
        paths.append(folder / name)
        cv2.imwrite(str(paths[-1]), pixels)
    return paths
