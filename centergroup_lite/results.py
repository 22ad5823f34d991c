"""Files that poses are written to: MMPose's JSON, COCO results, and a table."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from .errors import UserError
from .files import naming, write_whole
from .poses import Poses, Predictor
from .sources import Source

Size = tuple[int, int]
COLUMNS = ('source', 'frame', 'person', 'pose_score', 'joint', 'x', 'y', 'score')


class Writer:
    """Writes the poses of one frame after the other, in constant memory.

    A context manager: the file appears at its end, if no exception passes through.

    Args:
        path: of the results.
        predictor: names the keypoints.
    """

    def __init__(self, path: Path, predictor: Predictor) -> None:
        self.path = path
        self.joints = list(predictor.joints)

    def __enter__(self) -> Writer:
        with ExitStack() as stack:
            partial = stack.enter_context(write_whole(self.path))
            self._file: TextIO = stack.enter_context(
                partial.open('w', newline='', encoding='utf-8')
            )
            self.begin()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.end()
        except UserError:
            self._stack.__exit__(*sys.exc_info())
            raise
        self._stack.__exit__(kind, error, trace)

    def write(self, text: str) -> None:
        """Write text; a disk that is full raises a UserError that names the file."""
        with naming(self.path):
            self._file.write(text)

    def begin(self) -> None:
        """Write what comes before the first frame."""

    def add(self, source: Source, frame: int | None, size: Size, poses: Poses) -> None:
        """Write what was found in one image.

        Args:
            source: where it comes from.
            frame: its number in a video, from 0 on; None: the source is an image.
            size: (H, W) in pixels.
            poses: of all people.
        """
        raise NotImplementedError

    def end(self) -> None:
        """Write what comes after the last frame."""


class JsonWriter(Writer):
    """The format of MMPose's inferencer, one file for each source.

    Of an image: a list of people, each with ``keypoints`` [K x 2], ``keypoint_scores`` [K],
    ``bbox`` [1 x 4] and ``bbox_score``, the score of the pose. Of a video: a list of frames, each
    with ``frame_id`` and ``instances``, such a list of people.
    """

    _comma = ''
    _video = False

    def add(self, source: Source, frame: int | None, size: Size, poses: Poses) -> None:
        """Write one frame."""
        people: Any = [
            {
                'keypoints': points.tolist(),
                'keypoint_scores': visible.tolist(),
                'bbox': [box.tolist()],
                'bbox_score': float(score),
            }
            for points, visible, score, box in zip(*poses, poses.boxes, strict=True)
        ]
        self._video = frame is not None
        if self._video:
            self.write(self._comma or '[\n')
            self._comma = ',\n'
            people = {'frame_id': frame, 'instances': people}
        self.write(json.dumps(people))

    def end(self) -> None:
        """Close the list of frames."""
        self.write('\n]\n' if self._video else '\n')


class CocoWriter(Writer):
    """COCO results: a list of poses of all sources, which pycocotools' ``loadRes`` reads.

    Args:
        path: of the results.
        predictor: names the keypoints.
        annotations: a COCO annotation file, from which images get their ids and people their
            category. Without it the id is the number that an image is called by, as in COCO
            (``000000000139.jpg``), else the place in the order of images and frames, from 1 on.

    Raises:
        UserError: the annotation file cannot be read, or lacks an image.
    """

    def __init__(self, path: Path, predictor: Predictor, annotations: str | None = None) -> None:
        super().__init__(path, predictor)
        self._ids: dict[str, int] | None = None
        self._annotations, self._category, self._count, self._comma = annotations, 1, 0, ''
        if annotations:
            try:
                content = json.loads(Path(annotations).read_text(encoding='utf-8'))
                self._ids = {Path(i['file_name']).name: i['id'] for i in content['images']}
                (self._category,) = (c['id'] for c in content['categories'])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f'--annotations {annotations}: not a COCO file with images and one category '
                    f'({error})'
                ) from error

    def begin(self) -> None:
        """Open the list."""
        self.write('[')

    def add(self, source: Source, frame: int | None, size: Size, poses: Poses) -> None:
        """Write the people of one image or frame."""
        self._count += 1
        number = self._id(source, frame)
        for points, visible, score in zip(*poses, strict=True):
            triples = [[*point, seen] for point, seen in zip(points, visible, strict=True)]
            pose = {
                'image_id': number,
                'category_id': self._category,
                'keypoints': [float(value) for triple in triples for value in triple],
                'score': float(score),
                'file_name': source.path.name,
                **({} if frame is None else {'frame_id': frame}),
            }
            self.write(f'{self._comma}\n{json.dumps(pose)}')
            self._comma = ','

    def _id(self, source: Source, frame: int | None) -> int:
        """Return the id of an image or frame."""
        if frame is None and self._ids is not None:
            if source.path.name not in self._ids:
                raise UserError(f'--annotations {self._annotations} has no {source.path.name}')
            return self._ids[source.path.name]
        if frame is None and source.name.isascii() and source.name.isdigit():
            return int(source.name)
        return self._count

    def end(self) -> None:
        """Close the list."""
        self.write('\n]\n')


class CsvWriter(Writer):
    """A table with one row for each keypoint; ``frame`` is empty for images."""

    def begin(self) -> None:
        """Write the names of the columns."""
        self._table = csv.writer(self)
        self._table.writerow(COLUMNS)

    def add(self, source: Source, frame: int | None, size: Size, poses: Poses) -> None:
        """Write K rows for each person."""
        for person, (points, visible, score) in enumerate(zip(*poses, strict=True)):
            for joint, (x, y), seen in zip(self.joints, points, visible, strict=True):
                numbers = (f'{x:.2f}', f'{y:.2f}', f'{seen:.4f}')
                start = (source.path, '' if frame is None else frame, person, f'{score:.4f}')
                self._table.writerow((*start, joint, *numbers))
