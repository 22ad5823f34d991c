"""Pictures of annotated people, to see whether names, sides and links are right."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..annotations import Annotations
from ..drawing import write_image
from ..errors import UserError
from ..pixels import to_bgr
from .skeleton import Proposal, standard_name

SIDE = 480
#: blue, green, red
LEFT, RIGHT, MIDDLE = (60, 160, 255), (255, 140, 60), (90, 220, 90)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def draw_samples(
    found: Annotations, images: str, proposal: Proposal, number: int, out: Path
) -> None:
    """Draw some people with the numbers of their keypoints, and a list of the names beside.

    Left is orange, right is blue and the middle is green. A dot is a visible keypoint and a ring
    one that is hidden.

    Args:
        found: annotations without problems.
        images: folder of the images.
        proposal: their keypoints.
        number: of people to draw, those with most labeled keypoints.
        out: image to write.
    """
    files = {image['id']: image['file_name'] for image in found.content['images']}
    people = [entry for entry in found.content['annotations'] if not entry['iscrowd']]
    people.sort(key=lambda entry: (-_labeled(entry), -entry['area']))
    chosen: dict[int, dict] = {}  # one of each image
    for entry in people:
        chosen.setdefault(entry['image_id'], entry)
    tiles = [_legend(proposal)]
    for entry in list(chosen.values())[:number]:
        path = Path(images) / files[entry['image_id']]
        try:
            tiles.append(_draw(to_bgr(path.read_bytes(), str(path)), entry, proposal))
        except (OSError, UserError) as error:
            print(f'{path} is not drawn: {error}')
    write_image(out, np.concatenate(tiles, axis=1))


def _labeled(entry: dict) -> int:
    return sum(1 for flag in entry['keypoints'][2::3] if flag > 0)


def _color(name: str) -> tuple[int, int, int]:
    side = standard_name(name).partition('_')[0]
    return {'left': LEFT, 'right': RIGHT}.get(side, MIDDLE)


def _draw(image: np.ndarray, entry: dict, proposal: Proposal) -> np.ndarray:
    """Draw one person, enlarged to a square."""
    joints = np.array(entry['keypoints'], dtype=float).reshape(-1, 3)
    shown = joints[:, 2] > 0
    left, top, width, height = entry['bbox']
    points = np.vstack([joints[shown, :2], [[left, top], [left + width, top + height]]])
    middle = (points.min(0) + points.max(0)) / 2
    side = max(float((points.max(0) - points.min(0)).max()) * 1.15, 8.0)
    scale = SIDE / side
    matrix = np.array([[scale, 0, SIDE / 2 - scale * middle[0]], [0, scale, 0]])
    matrix[1, 2] = SIDE / 2 - scale * middle[1]
    tile = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    places = np.round(joints[:, :2] * scale + matrix[:, 2]).astype(int)
    for start, end in proposal.links:
        if shown[start] and shown[end]:
            cv2.line(tile, _point(places[start]), _point(places[end]), WHITE, 2, cv2.LINE_AA)
    for index, name in enumerate(proposal.names):
        if shown[index]:
            place = _point(places[index])
            cv2.circle(tile, place, 6, BLACK, -1, cv2.LINE_AA)
            cv2.circle(
                tile, place, 5, _color(name), 2 if joints[index, 2] == 1 else -1, cv2.LINE_AA
            )
            _text(tile, str(index), (place[0] + 7, place[1] - 5))
    _text(tile, f'image {entry["image_id"]}, annotation {entry["id"]}', (8, SIDE - 10))
    return tile


def _legend(proposal: Proposal) -> np.ndarray:
    """Names of the keypoints and what they become in a mirrored image."""
    tile = np.full((SIDE, 330, 3), 40, np.uint8)
    step = min(24.0, (SIDE - 20) / max(len(proposal.names), 1))
    for index, (name, swap) in enumerate(zip(proposal.names, proposal.swaps, strict=True)):
        y = int(18 + step * index)
        cv2.circle(tile, (14, y - 4), 5, _color(name), -1, cv2.LINE_AA)
        mirror = f' <> {proposal.names.index(swap)}' if swap else ''
        _text(tile, f'{index} {name[:30]}{mirror}', (26, y))
    return tile


def _text(tile: np.ndarray, text: str, place: tuple[int, int]) -> None:
    for color, width in ((BLACK, 3), (WHITE, 1)):
        cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, color, width, cv2.LINE_AA)


def _point(place: np.ndarray) -> tuple[int, int]:
    return int(place[0]), int(place[1])
