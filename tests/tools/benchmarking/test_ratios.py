"""Ratios, their intervals, and whether they meet what is asked."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarking.clock import interval
from benchmarking.ratios import inference_ratios, judge

import centergroup_mm  # noqa: F401


def test_ratios_take_the_least_favorable_crowd():
    seconds = {
        'detector': [10.0, 20.0],
        'stock_detector': [20.0, 25.0],
        'end_to_end@25': [15.0, 15.0],
        'ae_end_to_end@25': [30.0, 30.0],
    }
    for count, ours, baseline in ((1, 1.0, 9.0), (20, 1.0, 5.0), (25, 2.0, 8.0), (30, 2.0, 12.0)):
        seconds[f'post_detector@{count}'] = seconds[f'grouping@{count}'] = [ours, ours]
        seconds[f'ae_decode@{count}'] = [baseline, baseline]
        seconds[f'embedding@{count}'] = [1.0, 2.0]
    ratios = inference_ratios(seconds)
    assert ratios['post_detector_over_detector'] == [0.2, 0.1]
    assert ratios['growth_1_to_30_over_detector'] == [0.1, 0.05]
    assert ratios['ae_decode_over_grouping'] == [4.0, 4.0]
    assert ratios['end_to_end_ae_over_ours'] == [2.0, 2.0]
    assert ratios['fused_over_stock_detector'] == [0.5, 0.8]


def test_an_interval_holds_the_median_nine_times_in_ten():
    random = np.random.default_rng(0)
    for number in (5, 8, 15, 40):
        draws = np.sort(random.exponential(size=(2000, number)))
        inside = [low <= np.log(2) <= high for low, high in map(interval, draws.tolist())]
        assert 0.88 < np.mean(inside) < 0.98, number
    assert interval([1.0, 1.0, 1.0, 1.0]) == (-np.inf, np.inf)


def test_a_ratio_whose_interval_is_too_wide_is_not_printed():
    given = dict(people=1, size=[512, 512], flip=True, batch=1, device='cpu', threads=2)
    name = 'end_to_end_over_ae_1'
    sure = judge(name, [0.80, 0.81, 0.82, 0.83, 0.84], given)
    unsure = judge(name, [0.7, 0.8, 0.9, 1.0, 1.1], given)
    assert sure['known'] and sure['met'] and sure['between'] == [0.80, 0.84]
    assert not unsure['known'] and unsure['met'] is None
    assert not judge(name, [0.5], given)['known']


@pytest.mark.parametrize(
    ('name', 'value', 'changed', 'met'),
    [
        ('post_detector_over_detector', 0.1, {}, True),
        ('post_detector_over_detector', 0.11, {}, False),
        ('ae_decode_over_grouping', 2.9, {}, False),
        ('ae_decode_over_grouping', 14.0, {'device': 'cuda', 'threads': 8}, False),
        ('ae_decode_over_grouping', 15.0, {'device': 'cuda'}, True),
        ('end_to_end_ae_over_ours', 9.0, {}, None),
        ('post_detector_over_detector', 0.01, {'threads': 1}, None),
        ('post_detector_over_detector', 0.01, {'size': [832, 512]}, None),
    ],
)
def test_targets_are_judged_where_they_apply(name, value, changed, met):
    given = dict(people=25, size=[512, 512], flip=True, batch=1, device='cpu', threads=2)
    assert judge(name, [value], {**given, **changed})['met'] is met
