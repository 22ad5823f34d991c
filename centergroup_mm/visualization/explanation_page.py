"""One page that shows why keypoints were grouped as they were; a browser is all it needs."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from centergroup_lite.drawing import scaled

from ..models.grouping.explanation import Explanation
from .poses import person_color

FOLDER = Path(__file__).parent / 'page'
#: candidates of each keypoint in the page: at least so many, and those with this attention
_FEWEST, _MOST, _WORTH = 4, 6, 0.01


def render_page(
    image: np.ndarray,
    found: Explanation,
    title: str,
    names: Sequence[str],
    links: Sequence[Sequence[int]],
    score_thr: float = 0.3,
    visible_thr: float = 0.3,
    side: int = 1280,
) -> str:
    """The page as one HTML text that needs nothing else, no network either.

    Args:
        image: [H x W x 3] uint8, BGR.
        found: of this image.
        title: what the page calls the image.
        names: of the K keypoint types.
        links: pairs of keypoint types that a limb connects.
        score_thr: centers whose pose has a lower score are false.
        visible_thr: keypoints with a lower visibility are not drawn.
        side: larger images are shown with this long side in pixels.
    """
    scale = min(1.0, side / max(image.shape[:2]))
    shown = scaled(image, scale, cv2.INTER_AREA)
    data = page_data(found, scale, names, links, score_thr, visible_thr)
    data['size'] = [shown.shape[1], shown.shape[0]]
    encoded = base64.b64encode(cv2.imencode('.jpg', shown)[1].tobytes()).decode()
    parts = {
        'TITLE': html.escape(title),
        'STYLE': (FOLDER / 'page.css').read_text('utf-8'),
        'SCRIPT': (FOLDER / 'page.js').read_text('utf-8'),
        'IMAGE': f'data:image/jpeg;base64,{encoded}',
        # '<' is written so that no text in the data can end the script element
        'DATA': json.dumps(data, separators=(',', ':')).replace('<', '\\u003c'),
    }
    first, *pieces = (FOLDER / 'page.html').read_text('utf-8').split('{{')
    text = [first]
    for piece in pieces:
        name, rest = piece.split('}}', 1)
        text += [parts[name], rest]
    return ''.join(text)


def page_data(
    found: Explanation,
    scale: float,
    names: Sequence[str],
    links: Sequence[Sequence[int]],
    score_thr: float,
    visible_thr: float,
) -> dict[str, Any]:
    """What the script of the page reads, in plain lists and numbers.

    Args:
        scale: pixels of the page's image for each pixel of the original.
        found, names, links, score_thr, visible_thr: as of :func:`render_page`.
    """
    order = [c for c in np.argsort(-found.scores, kind='stable') if found.center_valid[c]]
    true = [c for c in order if found.kept[c] and found.scores[c] >= score_thr]
    centers = []
    for c in [*true, *(c for c in order if c not in set(true))]:
        number = true.index(c) + 1 if c in true else None
        centers.append(_center(found, int(c), number, scale))
    rounds = found.expected is not None and len(found.terms) > 1
    layers = len(found.weights)
    if rounds:
        layer_names = [f'Round {i + 1}' for i in range(layers)]
    else:
        layer_names = ['Before the encoder', *(f'Layer {i}' for i in range(1, layers))]
    return dict(
        names=[name.replace('_', ' ') for name in names],
        links=[[int(a), int(b)] for a, b in links],
        layers=layer_names,
        terms=list(found.terms) if len(found.terms) > 1 else [],
        visible=visible_thr,
        keypoints=[
            [*_point(found.keypoints[slot], scale), int(found.keypoint_types[slot]), _round(score)]
            if found.keypoint_valid[slot]
            else None
            for slot, score in enumerate(found.keypoint_scores)
        ],
        centers=centers,
    )


def _center(found: Explanation, index: int, number: int | None, scale: float) -> dict[str, Any]:
    """What the page says of a center; a candidate is [slot, weight, terms...]."""
    color = person_color(number - 1) if number else (150, 150, 150)
    kinds = range(found.points.shape[1])
    joints = [
        [*_point(found.points[index, kind], scale), _round(found.visibility[index, kind])]
        for kind in kinds
    ]
    expected = None
    if found.expected is not None:
        expected = [[_point(p, scale) for p in layer[index]] for layer in found.expected]
    return dict(
        at=_point(found.centers[index], scale),
        number=number,
        color='#{2:02x}{1:02x}{0:02x}'.format(*color),
        score=_round(found.scores[index]),
        heat=_round(found.center_scores[index]),
        person=None if found.person is None else _round(found.person[index]),
        # a center that is not kept although its score is high is the second one of a person
        twin=bool(number is None and not found.kept[index] and found.person is None),
        joints=joints,
        expected=expected,
        choices=[
            [_candidates(found, layer, index, kind) for kind in kinds]
            for layer in range(len(found.weights))
        ],
    )


def _candidates(found: Explanation, layer: int, center: int, kind: int) -> list[list[float]]:
    """The candidates with most attention, the best first."""
    weights = found.weights[layer, center, kind]
    best = np.argsort(-weights, kind='stable')[:_MOST]
    rows = []
    for rank, place in enumerate(best):
        slot = int(found.candidates[kind, place])
        if (slot >= 0 and not found.keypoint_valid[slot]) or (
            rank >= _FEWEST and weights[place] < _WORTH
        ):
            continue
        terms = [round(float(t[layer, center, kind, place]), 2) for t in found.terms.values()]
        rows.append([slot, _round(weights[place]), *(terms if len(terms) > 1 else [])])
    return rows


def _point(point: np.ndarray, scale: float) -> list[float]:
    return [round(float(value) * scale, 1) for value in point]


def _round(value: float) -> float:
    return round(float(value), 4)
