"""Pictures in memory: what can be only one picture gives its poses, everything else a line."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from .material import Material
from .outcome import Case, SilentlyWrong

#: of these the poses are those of the scene
SAME: dict[str, Callable[[np.ndarray], Any]] = {
    'as it is': lambda a: a,
    'int64': lambda a: a.astype(np.int64),
    'uint16 within 255': lambda a: a.astype(np.uint16),
    'uint16, all of its range': lambda a: a.astype(np.uint16) * 257,
    'float32 within 1': lambda a: (a / 255).astype(np.float32),
    'float64 within 255': lambda a: a.astype(np.float64),
    'with alpha': lambda a: np.dstack([a, np.full(a.shape[:2], 255, np.uint8)]),
    'not contiguous': lambda a: np.asfortranarray(a),
    'a view': lambda a: a[::-1][::-1],
    'read only': lambda a: _locked(a),
    'PIL': lambda a: Image.fromarray(a[..., ::-1]),
    'PIL with alpha': lambda a: Image.fromarray(a[..., ::-1]).convert('RGBA'),
    'bytes of a file': lambda a: cv2.imencode('.png', a)[1].tobytes(),
    'other byte order': lambda a: a.astype('>u2'),
    'float16 within 1': lambda a: (a / 255).astype(np.float16),
}
#: of these only a gray picture can be seen
GRAY: dict[str, Callable[[np.ndarray], Any]] = {
    '[h x w]': lambda a: cv2.cvtColor(a, cv2.COLOR_BGR2GRAY),
    '[h x w x 1]': lambda a: cv2.cvtColor(a, cv2.COLOR_BGR2GRAY)[..., None],
    'PIL gray': lambda a: Image.fromarray(cv2.cvtColor(a, cv2.COLOR_BGR2GRAY)),
}
#: these are no pictures
WRONG: dict[str, Callable[[np.ndarray], Any]] = {
    'empty': lambda a: a[:0],
    'no columns': lambda a: a[:, :0],
    'nan': lambda a: np.where(a > 100, np.nan, a / 255.0),
    'infinite': lambda a: np.where(a > 100, np.inf, a / 255.0),
    'normalized': lambda a: (a / 255.0 - 0.5) / 0.25,
    'channels first': lambda a: a.transpose(2, 0, 1),
    'a batch': lambda a: np.stack([a, a]),
    'five channels': lambda a: np.dstack([a, a[..., :2]]),
    'two channels': lambda a: a[..., :2],
    'complex': lambda a: a.astype(np.complex64),
    'bool': lambda a: a > 100,
    'object': lambda a: a.astype(object),
    'text': lambda a: a.astype(str),
    'negative': lambda a: a.astype(np.int16) - 100,
    'above 255': lambda a: a.astype(np.int32) * 3,
    'one row': lambda a: a[0],
    'a number': lambda a: np.float32(3),
    'None': lambda a: None,
    'a tensor': lambda a: torch.from_numpy(a),
    'a list': lambda a: a.tolist(),
    'a dict': lambda a: {'img': a},
    'text file': lambda a: b'no image',
    'no bytes': lambda a: b'',
    'open file': lambda a: io.BytesIO(cv2.imencode('.png', a)[1].tobytes()),
    'structured': lambda a: np.zeros(a.shape[:2], dtype=[('b', 'u1'), ('g', 'u1')]),
}


def case(rng: random.Random, material: Material) -> Case:
    """One picture in memory, through this package's predictor or MMPose's function."""
    group, makers = rng.choice((('same', SAME), ('gray', GRAY), ('wrong', WRONG), ('wrong', WRONG)))
    title = rng.choice(sorted(makers))
    way = rng.choice(('predictor', 'inference_bottomup'))
    assert material.predictor.joints  # loaded here, once for all children

    def run(folder: Path) -> None:
        scene = material.scene
        if group == 'gray':
            scene = cv2.cvtColor(cv2.cvtColor(scene, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        expected = find(material, way, scene)
        found = find(material, way, makers[title](material.scene))
        if group == 'wrong':
            raise SilentlyWrong(f'{len(found)} poses in {title}')
        limit = 1.0 if title == 'float16 within 1' else 0.01
        if found.shape != expected.shape or np.abs(found - expected).max(initial=0) > limit:
            raise SilentlyWrong(f'{len(found)} poses that differ from the {len(expected)} expected')

    return Case(f'{title}, {way}', run, ('image', 'img', 'array'), good=group != 'wrong')


def find(material: Material, way: str, picture: Any) -> np.ndarray:
    """Keypoints [P x K x 2] of a picture."""
    if way == 'predictor':
        return material.predictor.find(picture).keypoints
    from mmpose.apis import inference_bottomup

    return inference_bottomup(material.model, picture)[0].pred_instances.keypoints


def _locked(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array
