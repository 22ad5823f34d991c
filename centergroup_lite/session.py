"""Run a model over images, videos and cameras, and write what it finds."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from .drawing import draw_poses, write_image
from .errors import UserError
from .files import check_folder, write_whole
from .poses import Poses, Predictor
from .results import CocoWriter, CsvWriter, JsonWriter, Writer
from .sources import DRAWN, Source, Unreadable, Video, VideoSink, read_image


class Plan(NamedTuple):
    """What is done with the poses that are found.

    =========== ==============================================================
    out         folder of the results
    formats     ``json``, ``coco``, ``csv``; anything else writes no results
    draw        whether drawings are written
    score_thr   least score of a pose
    visible_thr least score of a keypoint that is drawn
    max_frames  of each video, None: all
    annotations for COCO results, see :class:`centergroup_lite.results.CocoWriter`
    overwrite   whether results that exist are replaced
    suffix      of the names of drawings and JSON
    json_writer writes the JSON
    =========== ==============================================================
    """

    out: Path
    formats: Sequence[str] = ('json',)
    draw: bool = True
    score_thr: float = 0.3
    visible_thr: float = 0.5
    max_frames: int | None = None
    annotations: str | None = None
    overwrite: bool = False
    suffix: str = DRAWN
    json_writer: Callable[[Path, Predictor], Writer] = JsonWriter

    def drawing_of(self, source: Source) -> Path:
        """Where the drawing of a source goes."""
        ending = 'jpg' if source.kind == 'image' else 'mp4'
        return self.out / f'{source.name}{self.suffix}.{ending}'

    def json_of(self, source: Source) -> Path:
        """Where the JSON of a source goes."""
        return self.out / f'{source.name}{self.suffix}.json'

    @property
    def coco(self) -> Path:
        """Where COCO results go."""
        return self.out / 'poses_coco.json'

    @property
    def csv(self) -> Path:
        """Where the table goes."""
        return self.out / 'poses.csv'

    def check(self, sources: Sequence[Source]) -> None:
        """Raise a UserError, before any work, if a result would replace a file unasked."""
        targets = [self.coco] * ('coco' in self.formats) + [self.csv] * ('csv' in self.formats)
        for source in sources:
            targets += [self.drawing_of(source)] if self.draw else []
            targets += [self.json_of(source)] if 'json' in self.formats else []
        check_folder('--out', self.out)
        own = {source.path.resolve() for source in sources}
        for path in targets:
            if path.resolve() in own:
                raise UserError(f'{path} is a source: name another folder with --out')
            if path.exists() and not self.overwrite:
                raise UserError(f'{path} exists: pass --overwrite or name a folder with --out')


def run(predictor: Predictor, sources: Sequence[Source], plan: Plan) -> None:
    """Run a model over sources, one frame in memory at a time, and name those that are broken.

    Args:
        predictor: the model.
        sources: results appear in their order.
        plan: what is written.

    Raises:
        UserError: at the end, if sources could not be read, or not to their end.
    """
    failed = []
    with ExitStack() as stack:
        shared: list[Writer] = []
        if 'coco' in plan.formats:
            shared.append(CocoWriter(plan.coco, predictor, plan.annotations))
        if 'csv' in plan.formats:
            shared.append(CsvWriter(plan.csv, predictor))
        for writer in shared:
            stack.enter_context(writer)
        # without a terminal there is no bar, only the lines
        bar = stack.enter_context(tqdm(total=len(sources), unit='img', disable=None, leave=False))
        for source in sources:
            session = Session(predictor, source, plan, shared, bar.update)
            try:
                if source.kind == 'image':
                    line = session.run_image()
                else:
                    with Video(source) as video:
                        # a source counts as one image, a video as its frames
                        bar.total += max(min(video.total, plan.max_frames or video.total) - 1, 0)
                        line = session.run_video(video)
                bar.write(line, file=sys.stdout)
            except Unreadable as error:
                failed.append(error)
                if len(sources) > 1:
                    bar.write(str(error), file=sys.stderr)
    if len(sources) == 1 and failed:
        raise UserError(str(failed[0]))
    if failed:
        raise UserError(f'{len(failed)} of {len(sources)} sources could not be read, see above')


class Session:
    """One source on its way through a model.

    Args:
        predictor: the model.
        source: what it is run on.
        plan: what is written.
        shared: writers of all sources.
        count: called after each frame.
    """

    def __init__(
        self,
        predictor: Predictor,
        source: Source,
        plan: Plan,
        shared: Sequence[Writer],
        count: Callable[[], object],
    ) -> None:
        self.predictor, self.source, self.plan = predictor, source, plan
        self.shared, self.count = shared, count

    def run_image(self) -> str:
        """Write the results of an image, and return a line that says what was found."""
        image = read_image(self.source.path)
        started = time.perf_counter()
        poses = self.find(image)
        seconds = time.perf_counter() - started
        with self.writers() as writers:
            for writer in writers:
                writer.add(self.source, None, image.shape[:2], poses)
            if self.plan.draw:
                write_image(self.plan.drawing_of(self.source), self.draw(image, poses))
        self.count()
        number = len(poses.scores)
        people = f'{number} {"person" if number == 1 else "people"}'
        return f'{self.target}: {people} in {seconds:.2f} s'

    def run_video(self, video: Video) -> str:
        """Write the results of a video or camera, and return a line that says what was found.

        Raises:
            Unreadable: the video has no frames, and nothing is written; or it ends too early, and
                the results of its frames are written.
        """
        frames = iter(video)
        first = next(frames)
        frames = itertools.islice(itertools.chain([first], frames), self.plan.max_frames)
        started, number, found, broken = time.perf_counter(), 0, 0, None
        with self.writers() as writers, self.drawing(video.rate, first) as show:
            try:
                for number, frame in enumerate(frames, 1):
                    poses = self.find(frame)
                    found += len(poses.scores)
                    for writer in writers:
                        writer.add(self.source, number - 1, frame.shape[:2], poses)
                    show(frame, poses)
                    self.count()
            except Unreadable as error:
                broken = error
            except KeyboardInterrupt:
                if self.source.kind != 'camera':
                    raise
        if broken is not None:
            raise broken
        seconds = time.perf_counter() - started
        return (
            f'{self.target}: {number} frames, {found / number:.1f} people in each, '
            f'in {seconds:.1f} s ({number / seconds:.1f} frames/s)'
        )

    def find(self, image: np.ndarray) -> Poses:
        """Find the poses with at least the score of the plan."""
        return self.predictor.find(image).best(self.plan.score_thr)

    def draw(self, image: np.ndarray, poses: Poses) -> np.ndarray:
        """Draw poses on an image."""
        visible = poses.keypoint_scores >= self.plan.visible_thr
        return draw_poses(image, poses.keypoints, visible, self.predictor.skeleton, scale=1.0)

    @property
    def target(self) -> Path:
        """The file that the line about this source names."""
        if self.plan.draw:
            return self.plan.drawing_of(self.source)
        if 'json' in self.plan.formats:
            return self.plan.json_of(self.source)
        return self.shared[0].path if self.shared else self.source.path

    @contextmanager
    def writers(self) -> Iterator[list[Writer]]:
        """Open the results of this source, beside those of all sources."""
        with ExitStack() as stack:
            writers = list(self.shared)
            if 'json' in self.plan.formats:
                path = self.plan.json_of(self.source)
                writers.append(stack.enter_context(self.plan.json_writer(path, self.predictor)))
            yield writers

    @contextmanager
    def drawing(
        self, rate: float, first: np.ndarray
    ) -> Iterator[Callable[[np.ndarray, Poses], None]]:
        """Open the drawn video.

        Args:
            rate: frames a second.
            first: a frame of the video.

        Yields:
            a function that draws poses on a frame and writes it. Of a camera it writes the frame as
            often as it takes to keep pace with the clock, because frames come as fast as the model.
        """
        if not self.plan.draw:
            yield lambda frame, poses: None
            return
        height, width = first.shape[:2]
        started, written = time.perf_counter(), 0
        with write_whole(self.plan.drawing_of(self.source)) as partial:
            sink = VideoSink(partial, rate, (width, height))

            def show(frame: np.ndarray, poses: Poses) -> None:
                nonlocal written
                due = written + 1
                if self.source.kind == 'camera':
                    due = max(due, round((time.perf_counter() - started) * rate))
                drawn = self.draw(frame, poses)
                for _ in range(written, due):
                    sink.write(drawn)
                written = due

            try:
                yield show
            finally:
                sink.close()
            sink.check()
