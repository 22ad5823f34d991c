"""What the grouping saw and how it decided, collected only where somebody asks for it.

The modules know nothing of it: their inputs and outputs are recorded while they run, with the hooks
that torch has for that. An image that nobody asks about costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .attention import AttentionGrouping
from .candidate_attention import CandidateAttention
from .decode import Poses
from .proposals import Proposals

#: a run of a module: the module, its inputs, its output
Call = tuple[nn.Module, tuple[Any, ...], Any]


class Explanation(NamedTuple):
    """Proposals, attention and poses of a batch, or of one image without the axis B.

    L counts the layers or rounds in which centers attend to keypoints, A the candidates that a
    center has for each keypoint type. The attention is that of the image itself, where a flip test
    or several scales are merged.

    =============== ===================== =====================================================
    keypoints       [B x M x 2]           detected keypoints, sorted by type, the best first
    keypoint_types  [M]                   int
    keypoint_scores [B x M]               value of the heatmap
    keypoint_valid  [B x M]               bool, False for slots that take no part
    centers         [B x C x 2]
    center_scores   [B x C]               value of the heatmap
    center_valid    [B x C]               bool
    candidates      [K x A]               int, keypoints that may become type k; -1 is the place
                                          where the center expects its keypoint
    weights         [B x L x C x K x A]   attention, sums to 1 over A
    terms           dict of               summands of the logits behind the weights, by name:
                    [B x L x C x K x A]   'appearance', and 'geometry' and 'detection' where the
                                          model has them
    expected        [B x L x C x K x 2]   where centers expect keypoints, or None
    points          [B x C x K x 2]       poses
    visibility      [B x C x K]           probability
    person          [B x C]               probability that the center is one, or None
    scores          [B x C]               of the poses
    kept            [B x C]               bool, neither a false center nor a second pose of a
                                          person
    =============== ===================== =====================================================
    """

    keypoints: Any
    keypoint_types: Any
    keypoint_scores: Any
    keypoint_valid: Any
    centers: Any
    center_scores: Any
    center_valid: Any
    candidates: Any
    weights: Any
    terms: dict[str, Any]
    expected: Any
    points: Any
    visibility: Any
    person: Any
    scores: Any
    kept: Any

    def of_image(self, index: int, meta: dict) -> Explanation:
        """Explanation of one image, as arrays, in pixels of the original image.

        Args:
            index: of the image in the batch.
            meta: its metadata, with ``input_size``, ``input_center`` and ``input_scale``.
        """
        size, center, scale = (
            np.asarray(meta[key], dtype=np.float64)
            for key in ('input_size', 'input_center', 'input_scale')
        )

        def own(name: str, value: Any) -> Any:
            if value is None:
                return None
            if isinstance(value, dict):
                return {key: own(key, each) for key, each in value.items()}
            value = value.detach().cpu()
            if name in ('keypoint_types', 'candidates'):
                return value.numpy()
            array = value[index].numpy()
            if name in ('keypoints', 'centers', 'expected', 'points'):
                array = array / size * scale + center - scale / 2
            return array

        return Explanation(*map(own, self._fields, self))


@contextmanager
def record(modules: Sequence[nn.Module]) -> Iterator[list[Call]]:
    """Note every run of these modules, in the order in which they end.

    Args:
        modules: to be called with positional arguments.
    """
    calls: list[Call] = []

    def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        calls.append((module, inputs, output))

    handles = [module.register_forward_hook(note) for module in modules]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def explain_layers(
    calls: Sequence[Call], keypoints: Proposals, centers: Proposals, poses: Poses
) -> Explanation:
    """Explanation of ``AttentionGrouping`` modules, in which every type sees all keypoints.

    Args:
        calls: of the modules of all layers, for B images, or for them and their mirrored images.
        keypoints, centers: proposals [... x K x R ...] and [... x 1 x C ...], of the same images.
        poses: of the B images.
    """
    number, (kinds, ranks) = len(poses.scores), keypoints.scores.shape[1:3]
    found, middles = (
        Proposals(*(field[:number] for field in group.flatten())) for group in (keypoints, centers)
    )
    logits, geometry, expected = [], [], []
    for module, inputs, output in calls:
        assert isinstance(module, AttentionGrouping)
        logits.append(output.attention[:number])
        if module.distance is not None:
            vectors, points, places = inputs[0], inputs[4], inputs[6]
            geometry.append(module.distance_logits(vectors, points, places)[:number])
            expected.append(places.points[:number])
    summed = torch.stack(logits, 1)
    terms = {'appearance': summed}
    if geometry:
        away = torch.stack(geometry, 1)
        terms = {'appearance': summed - away, 'geometry': away}
    person = None
    last = calls[-1][0]
    if last.classify_centers:  # both views, as in the poses
        person = calls[-1][2].center.unflatten(0, (-1, number)).mean(0).sigmoid()
    slots = torch.arange(kinds * ranks, device=summed.device)
    return Explanation(
        keypoints=found.points + 0.5,  # the middle of the pixel, as in the poses
        keypoint_types=slots // ranks,
        keypoint_scores=found.scores,
        keypoint_valid=found.valid,
        centers=middles.points + 0.5,
        center_scores=middles.scores,
        center_valid=middles.valid,
        candidates=slots.expand(kinds, -1),
        weights=summed.softmax(-1),
        terms=terms,
        expected=torch.stack(expected, 1) if expected else None,
        points=poses.keypoints,
        visibility=poses.keypoint_scores,
        person=person,
        scores=poses.scores,
        kept=poses.valid if person is None else poses.valid & (person > 0.5),
    )


def explain_rounds(calls: Sequence[Call], poses: Poses, stride: int) -> Explanation:
    """Explanation of a ``PointGrouping``, in which every type has candidates of its own.

    Args:
        calls: of the ``CandidateAttention`` of all rounds, and of the ``PointGrouping`` last.
        poses: of the first B images that it saw, after suppression, in pixels.
        stride: pixels of a cell.
    """
    *rounds, (_, (_, keypoints, centers), estimate) = calls
    number, (kinds, ranks) = len(poses.scores), keypoints.valid.shape[1:3]
    terms: dict[str, list[Tensor]] = {}
    for module, inputs, _ in rounds:
        assert isinstance(module, CandidateAttention)
        for name, (shared, own) in module.terms(*inputs).items():
            shared = shared.expand(-1, own.shape[1], -1, -1)
            terms.setdefault(name, []).append(torch.cat([shared, own[..., None]], -1)[:number])
    logits = torch.stack([output.logits[:number] for _, _, output in rounds], 1)
    slots = torch.arange(kinds * ranks, device=logits.device)
    candidates = torch.cat([slots.view(kinds, ranks), slots.new_full((kinds, 1), -1)], 1)
    return Explanation(
        keypoints=keypoints.points[:number].flatten(1, 2) * stride,
        keypoint_types=slots // ranks,
        keypoint_scores=keypoints.logits[:number].flatten(1).sigmoid(),
        keypoint_valid=keypoints.valid[:number].flatten(1),
        centers=centers.cells[:number] * stride,
        center_scores=centers.logits[:number].sigmoid(),
        center_valid=centers.valid[:number],
        candidates=candidates,
        weights=logits.softmax(-1),
        terms={name: torch.stack(values, 1) for name, values in terms.items()},
        expected=torch.stack([output.own[:number] for _, _, output in rounds], 1) * stride,
        points=poses.keypoints,
        visibility=estimate.visibility[:number].sigmoid(),
        person=None,
        scores=poses.scores,
        kept=poses.valid,
    )
