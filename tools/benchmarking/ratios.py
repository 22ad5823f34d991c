"""The ratios of the benchmark: what each compares, under which conditions, and its target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .clock import interval, summary

#: size (w, h) in pixels and number of CPU threads for which the targets apply
TARGET_SIZE, TARGET_THREADS = (512, 512), 2
#: people in an image: for most ratios, from which an image is crowded, and for the growth
PEOPLE, CROWDED, FEW, MANY = 25, 20, 1, 30
#: for whole predictions beside associative embedding
END_TO_END = (FEW, 5, MANY)
LARGE_BATCH = 8


class Target(NamedTuple):
    """A ratio and its target.

    ======= ============= ====================================================
    label   str           for the table
    text    str           what is compared
    upper   bool          the target is an upper bound, not a lower one
    cpu     float or None wanted with two threads at 512x512
    gpu     float or None wanted on a GPU at 512x512
    ======= ============= ====================================================
    """

    label: str
    text: str
    upper: bool
    cpu: float | None
    gpu: float | None


TARGETS = {
    'post_detector_over_detector': Target(
        'after the detector / detector',
        'from the detector\'s maps to poses, embedding convolutions excluded, over the detector',
        True, 0.10, None,
    ),
    'growth_1_to_30_over_detector': Target(
        'its growth from 1 to 30 people / detector',
        'the same with 30 people minus with 1, over the detector',
        True, 0.03, None,
    ),
    'ae_decode_over_grouping': Target(
        'AE batch_decode / grouping',
        'from merged maps to poses: MMPose\'s AssociativeEmbedding.batch_decode with painted tags '
        'over the grouping with the embedding convolutions given; the least favorable number of '
        'people',
        False, 3.0, 15.0,
    ),
    'end_to_end_ae_over_ours': Target(
        'end to end, AE / ours',
        'from the normalized image to poses: the same detector with AE, its tags painted, over '
        'the whole prediction with its embedding convolutions',
        False, None, 3.0,
    ),
    **{
        f'end_to_end_over_ae_{count}': Target(
            'end to end, ours / AE',
            'from the normalized image to poses: our whole prediction over that with AE, the '
            'detector as MMPose runs it, tags painted',
            True, 0.95, None,
        )
        for count in END_TO_END
    },
    **{
        f'end_to_end_over_fused_ae_{count}': Target(
            'the same, AE with our fused detector',
            'the same, the detector of AE with batch norms folded and channels-last like ours',
            True, None, None,
        )
        for count in END_TO_END
    },
    'fused_over_stock_detector': Target(
        'detector, fused / as MMPose runs it', 'backbone and detector on all views',
        True, None, None,
    ),
    'train_step_over_detector': Target(
        'training step / detector alone',
        'forward and backward pass of the whole model over that of the detector trained alone, '
        'its batch norms learning as in stage 1',
        True, 1.2, None,
    ),
    'train_step_over_frozen_detector': Target(
        'training step / detector with frozen norms',
        'the same over the detector with its batch norms frozen, as they are in the whole model',
        True, 1.2, None,
    ),
    'extra_peak_memory_mb': Target(
        'extra peak memory at test in MB',
        'peak of a prediction minus that of the detector, weights and inputs excluded',
        True, 60.0, 60.0,
    ),
    'throughput_8_over_1': Target(
        'images a second, batch 8 / batch 1',
        'whole predictions',
        False, None, 2.0,
    ),
    'eager_over_compiled': Target(
        'whole model, eager / compiled',
        'from an uint8 image to poses in one graph: eager over torch.compile with dynamic shapes',
        False, None, None,
    ),
    'ae_decode_over_grouping_with_embedding': Target(
        'AE batch_decode / grouping and embedding',
        'as ae_decode_over_grouping with our embedding convolutions counted, though the tags '
        'are given',
        False, None, None,
    ),
    'embedding_over_detector': Target(
        'embedding convolutions / detector', 'embedding convolutions over the detector',
        True, None, None,
    ),
}  # fmt: skip


def inference_ratios(seconds: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Ratios of one size with flip test and batch 1, one for each round.

    Args:
        seconds: of :meth:`Case.calls` in alternation, with at least 1, 25 and 30 people.
    """
    detector = seconds['detector']

    def plus(a: Sequence[float], b: Sequence[float], sign: int = 1) -> list[float]:
        return [x + sign * y for x, y in zip(a, b, strict=True)]

    counts = crowded(seconds)
    grouped = [over(seconds[f'ae_decode@{n}'], seconds[f'grouping@{n}']) for n in counts]
    embedded = [
        over(seconds[f'ae_decode@{n}'], plus(seconds[f'grouping@{n}'], seconds[f'embedding@{n}']))
        for n in counts
    ]
    growth = plus(seconds[f'post_detector@{MANY}'], seconds[f'post_detector@{FEW}'], -1)
    return {
        'post_detector_over_detector': over(seconds[f'post_detector@{PEOPLE}'], detector),
        'growth_1_to_30_over_detector': over(growth, detector),
        'ae_decode_over_grouping': min(grouped, key=lambda values: summary(values)['median']),
        'end_to_end_ae_over_ours': over(
            seconds[f'ae_end_to_end@{PEOPLE}'], seconds[f'end_to_end@{PEOPLE}']
        ),
        'fused_over_stock_detector': over(detector, seconds['stock_detector']),
        'ae_decode_over_grouping_with_embedding': min(
            embedded, key=lambda values: summary(values)['median']
        ),
        'embedding_over_detector': over(seconds[f'embedding@{PEOPLE}'], detector),
    }


def known(values: Sequence[float]) -> bool:
    """Whether an interval of a ratio is no wider than its distance from 1.

    Otherwise the ratio must not be printed: it would say that something is faster or slower than
    something else, and the rounds do not.
    """
    low, high = interval(values)
    return high - low <= abs(summary(list(values))['median'] - 1)


def whole_ratios(seconds: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Ratios of whole predictions to those with AE, one for each round.

    Args:
        seconds: of :meth:`Case.end_to_end` in alternation.
    """
    return {
        f'end_to_end_over_{key}_{count}': over(
            seconds[f'end_to_end@{count}'], seconds[f'{call}@{count}']
        )
        for key, call in (('ae', 'ae_end_to_end'), ('fused_ae', 'ae_fused'))
        for count in END_TO_END
        if f'{call}@{count}' in seconds
    }


def comparisons_known(seconds: Mapping[str, Sequence[float]]) -> bool:
    """Whether all ratios of whole predictions to those with AE are known."""
    ratios = whole_ratios(seconds)
    return all(known(values) for name, values in ratios.items() if '_over_ae_' in name)


def crowded(seconds: Mapping[str, Any]) -> list[int]:
    """Measured numbers of people from 20 on."""
    counts = [int(name.split('@')[1]) for name in seconds if name.startswith('ae_decode@')]
    return [count for count in counts if count >= CROWDED]


def judge(name: str, values: Sequence[float], conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Put a ratio beside its target.

    Args:
        name: a key of ``TARGETS``.
        values: of each round.
        conditions: ``people``, ``size``, ``flip``, ``batch``, ``device``, ``threads``.

    Returns:
        median and quartiles, ``between`` (see :func:`~benchmarking.clock.interval`; None if too few
        rounds say nothing), ``known`` (see :func:`known`), ``what`` is compared, its
        ``conditions``, the ``target`` on this kind of device or None, and whether it is ``met``:
        None without a target or where size or threads are not those of the target.
    """
    target = TARGETS[name]
    on_gpu = str(conditions['device']).startswith('cuda')
    wanted = target.gpu if on_gpu else target.cpu
    alike = tuple(conditions['size']) == TARGET_SIZE and (
        on_gpu or conditions['threads'] == TARGET_THREADS
    )
    result: dict[str, Any] = dict(summary(list(values)), rounds=len(values))
    between = interval(values)
    result.update(
        between=list(between) if math.isfinite(between[0]) else None,
        known=known(values) if name != 'extra_peak_memory_mb' else True,
    )
    median = result['median']
    met = None
    if wanted is not None and alike and (result['known'] or len(values) == 1):
        met = median <= wanted if target.upper else median >= wanted
    result.update(
        what=target.text,
        conditions=dict(conditions),
        target=wanted,
        wanted=None if wanted is None else f'{"<=" if target.upper else ">="} {wanted:g}',
        met=met,
    )
    return result


def ratio_details(
    groups: Sequence[Mapping[str, Any]],
    whole: Mapping[str, Sequence[float]],
    batches: Mapping[str, Sequence[float]],
    training: Mapping[str, Sequence[float]],
    graphs: Mapping[str, Sequence[float]],
    memory: Mapping[str, float],
    train_batch: int,
    common: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """Every ratio with its conditions and target.

    Args:
        groups, whole, batches, training, graphs, memory: fields of
            :class:`~benchmarking.run.Measured`, each of which may be empty; most ratios are those
            of the first group.
        train_batch: images of a training step.
        common: ``size``, ``device`` and ``threads``.

    Returns:
        results of :func:`judge`.
    """
    test = dict(people=PEOPLE, flip=True, batch=1, **common)
    rounds = groups[0]['rounds_of'] if groups else {}
    special = {
        'growth_1_to_30_over_detector': dict(people=[FEW, MANY]),
        'ae_decode_over_grouping': dict(people=crowded(rounds)),
        'ae_decode_over_grouping_with_embedding': dict(people=crowded(rounds)),
        **{
            f'end_to_end_over_{key}_{count}': dict(people=count)
            for key in ('ae', 'fused_ae')
            for count in END_TO_END
        },
    }
    found = {**(inference_ratios(rounds) if groups else {}), **whole_ratios(whole)}
    details = {
        name: judge(name, values, {**test, **special.get(name, {})})
        for name, values in found.items()
    }
    if batches:
        values = [LARGE_BATCH * value for value in over(batches['single'], batches['eight'])]
        given = {**test, 'batch': [1, LARGE_BATCH]}
        details['throughput_8_over_1'] = judge('throughput_8_over_1', values, given)
    steps = dict(
        train_step_over_detector='train_detector', train_step_over_frozen_detector='train_frozen'
    )
    for name, below in steps.items() if training else ():
        values = over(training['train_step'], training[below])
        details[name] = judge(name, values, {**test, 'flip': False, 'batch': train_batch})
    if memory:
        extra = [memory['predict'] - memory['detector']]
        details['extra_peak_memory_mb'] = judge('extra_peak_memory_mb', extra, test)
    if graphs:
        values = over(graphs['graph_eager'], graphs['graph_compiled'])
        given = {**test, 'people': 'any number of'}
        details['eager_over_compiled'] = judge('eager_over_compiled', values, given)
    return details


def over(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Ratio of each round."""
    return [a / b for a, b in zip(above, below, strict=True)]
