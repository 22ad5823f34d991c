"""What a check of an annotation file found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Problem(NamedTuple):
    """Something that is wrong in an annotation file and cannot be repaired without guessing.

    ========== =====================================================================
    what       the fault, with the value
    remedy     what the user can do
    image      id of the image, None if it is not about one
    annotation id of the annotation, or ``'#N'``, its place in the file, if it has none
    ========== =====================================================================
    """

    what: str
    remedy: str
    image: Any = None
    annotation: Any = None

    def __str__(self) -> str:
        """One line, without the name of the file."""
        place = ''
        if self.annotation is not None:
            place = f'annotation {self.annotation}'
        if self.image is not None:
            place += f' of image {self.image!r}' if place else f'image {self.image!r}'
        return f'{place}: {self.what}; {self.remedy}' if place else f'{self.what}; {self.remedy}'


@dataclass
class Annotations:
    """An annotation file after its check.

    Attributes:
        path: of the file.
        content: the file's dict with everything repaired; complete only without problems.
        problems: what is wrong, in the order of the file.
        repairs: how often each thing was repaired.
        left_out: how often each kind of entry was left out.
        counts: how much of what there is: ``images``, ``empty`` (images without annotations),
            ``people`` (with labeled joints), ``joints`` (labeled), ``unlabeled`` (people
            without labeled joints) and ``crowds`` (crowd regions).
    """

    path: str
    content: dict = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    repairs: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def pose_categories(self) -> list[dict]:
        """The categories whose annotations are people: those with keypoints, or else all."""
        categories = self.content.get('categories') or []
        return [c for c in categories if c.get('keypoints')] or list(categories)

    def blame(self, entry: dict, what: str, remedy: str) -> None:
        """Add a problem of an annotation whose image and id are good."""
        self.problems.append(Problem(what, remedy, entry['image_id'], entry['id']))

    def problem(self) -> str:
        """One line about the first problem, and how many there are; '' without problems."""
        if not self.problems:
            return ''
        more = len(self.problems) - 1
        others = f' ({more} more of this file; `centergroup data check` lists them)' if more else ''
        return f'{self.path}: {self.problems[0]}{others}'

    def summary(self) -> str:
        """One line about what there is, what was repaired and what was left out."""
        n = self.counts
        parts = [
            f'{n["images"]:,} images ({n["empty"]:,} without annotations), '
            f'{n["people"]:,} people with {n["joints"]:,} labeled joints, '
            f'{n["unlabeled"]:,} people without joints, {n["crowds"]:,} crowd regions'
        ]
        for title, counter in (('repaired', self.repairs), ('left out', self.left_out)):
            if counter:
                listed = ', '.join(f'{what} ({number:,})' for what, number in counter.items())
                parts.append(f'{title}: {listed}')
        return '; '.join(parts)
