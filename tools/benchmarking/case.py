"""Predictions that the benchmark times: whole, in parts, and compiled to one graph.

The parts are ``CenterGroupHead.predict`` itself, with everything before a part replaced by results
that were computed in advance.  Axis letters: B images, V views (2 with flip test: all images, then
all mirrored images), K keypoint types, T = K + 1 heatmap types.
"""

from __future__ import annotations

import copy
import functools
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from centergroup_mm.deploy.export import Dim
from centergroup_mm.deploy.graph import InferenceGraph
from centergroup_mm.models.grouping import mirror_heatmaps
from centergroup_mm.models.heads.detector import DetectorMaps
from centergroup_mm.utils.errors import UserError

from .clock import Prepared, StageClock, convolved, recorded, replaced
from .scenes import Scenes
from .workload import TagDecoder, Workload, paint, painted_over


class Case:
    """Predictions of one size, batch and flip test on or off, with the fused model.

    Args:
        work: the model.
        scenes: the images; the first ``batch`` are used.
        batch: B.
        flip: with flip test.
    """

    def __init__(self, work: Workload, scenes: Scenes, batch: int, flip: bool) -> None:
        self.work, self.scenes, self.batch, self.flip = work, scenes, batch, flip
        self.model, self.head = work.fused, work.fused.head
        self.images = scenes.images[:batch]
        self.test_cfg = dict(flip_test=flip, multiscale_test=False, score_thr=0.0)
        self.flip_indices = torch.as_tensor(work.flip, device=work.device) if flip else None
        size = np.array(scenes.size, dtype=np.float64)
        self.query = PoseDataSample(
            metainfo=dict(
                input_size=scenes.size,
                input_center=size / 2,
                input_scale=size,
                ori_shape=scenes.size[::-1],
                img_shape=scenes.size[::-1],
                flip_indices=work.flip,
            )
        )
        self.decoder = TagDecoder(scenes.size, work.num_keypoints)
        self.stage_clock = StageClock(self.head, work.device)
        self.stage_seconds: dict[int, list[dict[str, float]]] = {}
        self.answers: dict[int, list[Tensor]] = {}  # of the embedding CNNs
        with torch.no_grad():
            self.features = self.extract()
            self.view_levels = self.as_one_batch(self.features)
            self.detected = self.head.detector.detect(self.view_levels)

    def queries(self) -> list[PoseDataSample]:
        """Fresh samples of all images."""
        return [copy.deepcopy(self.query) for _ in range(self.batch)]

    # ---- inputs ----------------------------------------------------------------------------

    def extract(self, model: nn.Module | None = None) -> Any:
        """Backbone features of images and mirrored images, as the estimator computes them."""
        extract = (model or self.model).extract_feat
        if not self.flip:
            return extract(self.images)
        return [extract(self.images), extract(self.images.flip(-1))]

    def as_one_batch(self, features: Any) -> tuple[Tensor, ...]:
        """The levels of :meth:`extract`, both views in one batch, [V B x C x h x w] each."""
        if not self.flip:
            return tuple(features)
        return tuple(map(torch.cat, zip(*features, strict=True)))

    def levels(self, people: int) -> list[Tensor]:
        """Painted heatmaps of all views, [V B x T x h x w] for each level."""
        levels = self.scenes.levels(self.batch, people)
        if not self.flip:
            return levels
        order = self.head.with_center(self.flip_indices)
        return [torch.cat([level, mirror_heatmaps(level, order)]) for level in levels]

    def tags(self, people: int) -> Tensor:
        """Painted tags of all views, [V B x K x h x w] at 1/4."""
        tags = self.scenes.tags(self.batch, people)
        if not self.flip:
            return tags
        return torch.cat([tags, mirror_heatmaps(tags, self.flip_indices)])

    @torch.no_grad()
    def maps(self, people: int) -> DetectorMaps:
        """What the detector returns, with painted heatmaps."""
        return painted_over(self.detected, self.levels(people))

    def merged(self, people: int) -> Tensor:
        """Painted maps at input resolution, [B x T x H x W]."""
        return self.head.merge([self.maps(people).heatmaps], self.flip_indices)

    # ---- parts -----------------------------------------------------------------------------

    @torch.no_grad()
    def detector(self) -> DetectorMaps:
        """Backbone and detector on all views."""
        return self.head.detector.detect(self.as_one_batch(self.extract()))

    @torch.no_grad()
    def stock_detector(self) -> DetectorMaps:
        """The same with the model that is not fused."""
        model = self.work.model
        return model.head.detector.detect(self.as_one_batch(self.extract(model)))

    def proposals(self, people: int) -> Any:
        """Chosen keypoints and centers of all views."""
        maps = self.merged(people)
        mask = torch.ones_like(maps[:, 0])
        return self.head.propose(maps, mask, mask > 0, self.flip_indices)

    @torch.no_grad()
    def embed(self, proposals: Any) -> Tensor:
        """The embedding convolutions, and sampling their maps or cutting their windows."""
        return self.head.neck.embed([self.view_levels], *proposals, self.scenes.size[::-1])

    def convolved(self, people: int) -> list[Tensor]:
        """The embedding convolutions, computed once."""
        if people not in self.answers:
            proposals = self.proposals(people)
            self.answers[people] = recorded(self.head.neck, lambda: self.embed(proposals))
        return self.answers[people]

    @torch.no_grad()
    def post_detector(self, maps: DetectorMaps, answers: list[Tensor]) -> list[Any]:
        """From the detector's maps to poses, without the embedding convolutions."""
        with (
            replaced(self.head.detector, detect=lambda feats: maps),
            convolved(self.head.neck, answers),
        ):
            return self.head.predict(self.features, self.queries(), self.test_cfg)

    def grouping(self, merged: Tensor, answers: list[Tensor]) -> list[Any]:
        """From merged maps to poses, without the embedding convolutions."""
        with replaced(self.head, merge=lambda *args: merged):
            return self.post_detector(self.detected, answers)

    def stages(self, people: int) -> Prepared:
        """As :meth:`post_detector`; seconds of its stages go to ``stage_seconds``."""
        seconds = self.stage_seconds.setdefault(people, [])

        def measure(given: tuple) -> None:
            seconds.append(self.stage_clock.measure(lambda: self.post_detector(*given)))

        return Prepared(lambda: (self.maps(people), self.convolved(people)), measure)

    def ae_inputs(self, people: int) -> tuple[Tensor, Tensor]:
        """Merged maps and tags at input resolution, [B x K x H x W] and [B x V K x H x W]."""
        tags = self.decoder.merge_tags(self.tags(people), self.flip_indices)
        return self.merged(people)[:, :-1].contiguous(), tags

    @torch.no_grad()
    def baseline_grouping(self, given: Any) -> Sequence:
        """The baseline from merged maps to poses."""
        return self.work.baseline.group(given, self.features, self.queries(), self.test_cfg)

    @torch.no_grad()
    def baseline_inputs(self, people: int) -> Any:
        """The inputs that the baseline prepares from features and merged maps."""
        return self.work.baseline.prepare(self.view_levels, self.merged(people))

    # ---- end to end ------------------------------------------------------------------------

    @torch.no_grad()
    def predict(self, levels: Sequence[Tensor]) -> list[Any]:
        """The whole prediction of the estimator, everything computed."""
        self.model.test_cfg = self.test_cfg
        detect = self.head.detector.detect
        with replaced(self.head.detector, detect=lambda feats: paint(detect(feats), levels)):
            return self.model.predict(self.images, self.queries())

    @torch.no_grad()
    def ae_predict(self, given: tuple[Sequence[Tensor], Tensor], fused: bool = False) -> Any:
        """The same detector and merging, then poses by tags; tags are given, not computed.

        The detector runs as MMPose runs it, or, to see what grouping alone makes of the ratio, in
        the fused form of ours.
        """
        levels, tags = given
        detector = self.detector if fused else self.stock_detector
        maps = self.head.merge([paint(detector(), levels).heatmaps], self.flip_indices)
        return self.decoder.decode(maps[:, :-1], self.decoder.merge_tags(tags, self.flip_indices))

    def calls(
        self, people: Sequence[int], end_to_end: Sequence[int]
    ) -> dict[str, Callable[[], Any] | Prepared]:
        """Return all that is compared, ``NAME`` or ``NAME@PEOPLE``.

        Args:
            people: numbers of people in an image.
            end_to_end: numbers of people for which whole predictions are timed.
        """
        calls: dict[str, Any] = dict(detector=self.detector, stock_detector=self.stock_detector)
        for count in people:
            calls[f'embedding@{count}'] = Prepared(
                lambda count=count: self.proposals(count), self.embed
            )
            calls[f'post_detector@{count}'] = Prepared(
                lambda count=count: (self.maps(count), self.convolved(count)),
                lambda given: self.post_detector(*given),
            )
            calls[f'grouping@{count}'] = Prepared(
                lambda count=count: (self.merged(count), self.convolved(count)),
                lambda given: self.grouping(*given),
            )
            calls[f'stages@{count}'] = self.stages(count)
            calls[f'ae_decode@{count}'] = Prepared(
                lambda count=count: self.ae_inputs(count), lambda given: self.decoder.decode(*given)
            )
            if self.work.baseline is not None:
                calls[f'{self.work.baseline.name}@{count}'] = Prepared(
                    lambda count=count: self.baseline_inputs(count), self.baseline_grouping
                )
        return calls | self.end_to_end(end_to_end)

    def end_to_end(self, people: Sequence[int]) -> dict[str, Prepared]:
        """Whole predictions: ours, AE with the detector as MMPose runs it, AE with ours fused."""
        calls = {}
        for count in people:
            calls[f'end_to_end@{count}'] = Prepared(
                lambda count=count: self.levels(count), self.predict
            )
            given = lambda count=count: (self.levels(count), self.tags(count))  # noqa: E731
            calls[f'ae_end_to_end@{count}'] = Prepared(given, self.ae_predict)
            calls[f'ae_fused@{count}'] = Prepared(
                given, functools.partial(self.ae_predict, fused=True)
            )
        return calls


def compiled_calls(
    work: Workload, size: tuple[int, int], backend: str = 'inductor'
) -> dict[str, Callable[[], Any]]:
    """Predictions of one image with flip test; compiling takes a minute or more.

    Args:
        work: the model; whether its random weights find people does not change the work.
        size: (w, h) of the network input.
        backend: of ``torch.compile``.

    Returns:
        ``graph_eager`` and ``graph_compiled``, from an uint8 image to poses.

    Raises:
        UserError: torch is too old, or there is no C++ compiler, which it needs for the CPU.
    """
    if Dim is None:  # as old as that, it stops at generators
        raise UserError(f'--compile needs torch 2.6 or newer, this is {torch.__version__}')
    needs_compiler = work.device.type == 'cpu' and backend == 'inductor'
    if needs_compiler and not any(map(shutil.which, ('c++', 'g++', 'clang++'))):
        raise UserError('--compile needs a C++ compiler (c++, g++ or clang++) for the CPU')
    model = copy.deepcopy(work.model)
    model.test_cfg = dict(flip_test=True)
    graph = InferenceGraph(model, work.flip).to(work.device)
    compiled = torch.compile(graph, backend=backend, fullgraph=True, dynamic=True)
    width, height = size
    image = torch.randint(256, (1, height, width, 3), dtype=torch.uint8, device=work.device)
    content = torch.tensor([[0.0, 0.0, width, height]], device=work.device)

    def run(module: Callable[..., Any]) -> Callable[[], Any]:
        def call() -> Any:
            with torch.inference_mode():
                return module(image, content)

        return call

    return dict(graph_eager=run(graph), graph_compiled=run(compiled))
