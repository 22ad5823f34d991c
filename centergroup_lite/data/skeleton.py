"""Names, mirrors and sigmas of keypoints, proposed from their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

#: COCO's keypoints and the constants of its object keypoint similarity
COCO_SIGMAS = {
    'nose': 0.026,
    **{f'{side}_eye': 0.025 for side in ('left', 'right')},
    **{f'{side}_ear': 0.035 for side in ('left', 'right')},
    **{f'{side}_shoulder': 0.079 for side in ('left', 'right')},
    **{f'{side}_elbow': 0.072 for side in ('left', 'right')},
    **{f'{side}_wrist': 0.062 for side in ('left', 'right')},
    **{f'{side}_hip': 0.107 for side in ('left', 'right')},
    **{f'{side}_knee': 0.087 for side in ('left', 'right')},
    **{f'{side}_ankle': 0.089 for side in ('left', 'right')},
}
#: of keypoints that COCO does not have: about the mean of COCO's, and CrowdPose's for head and neck
DEFAULT_SIGMA = 0.079


@dataclass
class Proposal:
    """A skeleton that was proposed from an annotation file.

    Attributes:
        names: of the keypoints, in the order of the annotations.
        swaps: for each keypoint the name of the one on the other side, '' in the middle.
        sigmas: for each keypoint.
        links: pairs of keypoints, numbered from 0.
        guesses: what is a guess and should be looked at, one line each.
    """

    names: list[str]
    swaps: list[str]
    sigmas: list[float]
    links: list[tuple[int, int]]
    guesses: list[str] = field(default_factory=list)

    @property
    def known(self) -> list[str]:
        """For each keypoint the name that COCO has for it, or ''."""
        return [name if name in COCO_SIGMAS else '' for name in map(standard_name, self.names)]

    def file(self, dataset_name: str) -> str:
        """The text of a file of MMPose's ``dataset_info``."""
        notes = ''.join(f'# - {guess}\n' for guess in self.guesses)
        head = '# The keypoints of the annotations, in their order.\n'
        head += f'#\n# Guesses, please look at them:\n{notes}' if notes else ''
        keypoints = ''.join(
            f'        {index}: dict(name={name!r}, swap={swap!r}),\n'
            for index, (name, swap) in enumerate(zip(self.names, self.swaps, strict=True))
        )
        links = ''.join(
            f'        {index}: dict(link=({self.names[start]!r}, {self.names[end]!r})),\n'
            for index, (start, end) in enumerate(self.links)
        )
        sigmas = ''.join(
            f'        {sigma},  # {name}\n'
            for name, sigma in zip(self.names, self.sigmas, strict=True)
        )
        return f"""{head}dataset_info = dict(
    dataset_name={dataset_name!r},
    # swap: what a keypoint becomes in a mirrored image
    keypoint_info={{
{keypoints}    }},
    skeleton_info={{
{links}    }},
    joint_weights=[1.0] * {len(self.names)},
    # how precisely a keypoint can be annotated, as a share of the size of a person
    sigmas=[
{sigmas}    ],
)
"""


def propose(names: Sequence[str], skeleton: Sequence[Sequence[int]]) -> Proposal:
    """Propose mirrors and sigmas for keypoints.

    Args:
        names: as the annotation file has them.
        skeleton: its pairs of keypoints, numbered from 1 as COCO has it.
    """
    own = _unique(names)
    guesses = []
    if own != list(names):
        guesses.append('names that were missing, used twice or not printable were changed')
    standard = [standard_name(name) for name in own]
    places = {name: index for index, name in enumerate(standard)}
    # of several spellings of one name, the last has the other side
    others = [
        places.get(mirror_of(name)) if places[name] == i else None
        for i, name in enumerate(standard)
    ]
    swaps = ['' if other is None else own[other] for other in others]
    pairs = [
        f'{own[index]} and {own[other]}'
        for index, other in enumerate(others)
        if other is not None and index < other
    ]
    if pairs:
        guesses.append(f'these change places in a mirrored image: {", ".join(pairs)}')
    alone = [own[i] for i, name in enumerate(standard) if mirror_of(name) and not swaps[i]]
    if alone:
        guesses.append(f'no other side was found for {", ".join(alone)}')
    unknown = [name for name, known in zip(own, standard, strict=True) if known not in COCO_SIGMAS]
    if unknown:
        listed = ', '.join(unknown)
        guesses.append(f"sigma {DEFAULT_SIGMA} of keypoints that are not COCO's: {listed}")
    links, guess = _links(skeleton, len(own))
    guesses += [guess] if guess else []
    sigmas = [COCO_SIGMAS.get(name, DEFAULT_SIGMA) for name in standard]
    return Proposal(own, swaps, sigmas, links, guesses)


def standard_name(name: str) -> str:
    """A name in COCO's spelling: ``LShoulder``, ``shoulder_l`` -> ``left_shoulder``."""
    words = re.sub(r'([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])', r'\1\3_\2\4', name).lower()
    parts = [part for part in re.split(r'[^a-z0-9]+', words) if part]
    sides = {'l': 'left', 'left': 'left', 'r': 'right', 'right': 'right'}
    for index in (0, -1):
        if len(parts) > 1 and parts[index] in sides:
            side = sides[parts.pop(index)]
            return '_'.join([side, *parts])
    for side in ('left', 'right'):
        whole = '_'.join(parts)
        if whole.startswith(side) and len(whole) > len(side):
            return f'{side}_{whole.removeprefix(side)}'
    return '_'.join(parts)


def mirror_of(name: str) -> str:
    """The name of the other side, '' for a name without a side."""
    for side, other in (('left_', 'right_'), ('right_', 'left_')):
        if name.startswith(side):
            return other + name.removeprefix(side)
    return ''


def one_line(text: str) -> str:
    """A text without line breaks and other signs that cannot be printed, for comments in code."""
    return ' '.join(''.join(sign if sign.isprintable() else ' ' for sign in text).split())


def _unique(names: Sequence[str]) -> list[str]:
    """Names of one line each, which is what a comment can hold, without gaps and doubles."""
    result: list[str] = []
    for index, name in enumerate(names):
        text = one_line(str(name)) or f'keypoint_{index}'
        result.append(text if text not in result else f'{text}_{index}')
    return result


def _links(skeleton: Sequence, number: int) -> tuple[list[tuple[int, int]], str]:
    """Links numbered from 0, and what is a guess about them.

    A skeleton that names keypoints that are not there was made for others, as CrowdPose's own file
    has COCO's: none of its links can be trusted.
    """
    if not skeleton:
        return [], 'the file has no skeleton, so that no links are drawn'
    try:
        pairs = [(int(start), int(end)) for start, end in skeleton]
    except (TypeError, ValueError):
        return [], 'the skeleton of the file is no list of pairs and was left out'
    ends = [end for pair in pairs for end in pair]
    for first, guess in ((1, ''), (0, 'the skeleton is numbered from 0, as it names keypoint 0')):
        if first <= min(ends) and max(ends) < number + first:
            return [(start - first, end - first) for start, end in pairs], guess
    return [], 'the skeleton of the file names keypoints that are not there and was left out'
