"""The study on photographs: precision, methods, grouping alone, and the published tables."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from detections import SIGMAS, K, R, S, small_study, two_people
from photo_study import report
from photo_study.alone import AloneSet, judge
from photo_study.ours import Regression
from photo_study.rows import ROWS, build, is_trained
from photo_study.study import Study, is_finished, numbers
from photo_study.tags import TagGrouping
from study_common.precision import (
    average_precision,
    difference,
    load_all,
    load_matches,
    match_images,
    resample,
    save_matches,
)

from centergroup_mm.evaluation.average_precision import coco_numbers
from centergroup_mm.utils.errors import UserError

PROJECT = Path(__file__).resolve().parents[1]


def some_results(tmp_path: Path) -> tuple[Path, list[dict], list[int]]:
    """Annotations of 12 images and results of which some are right."""
    generator = np.random.default_rng(0)
    images, people, results = [], [], []
    for index in range(1, 13):
        images.append(dict(id=index, width=200, height=200))
        for _ in range(int(generator.integers(1, 4))):
            joints = generator.uniform(20, 150, (K, 2))
            flat = np.concatenate([joints, np.full((K, 1), 2)], 1).flatten().tolist()
            person = dict(image_id=index, category_id=1, keypoints=flat, area=8000.0, iscrowd=0)
            person |= dict(id=len(people) + 1, num_keypoints=K, bbox=[20, 20, 130, 130])
            people.append(person)
            found = joints + generator.normal(0, generator.uniform(0, 12), (K, 2))
            flat = np.concatenate([found, np.ones((K, 1))], 1).flatten().tolist()
            score = float(generator.random())
            results.append(dict(image_id=index, category_id=1, keypoints=flat, score=score))
    file = tmp_path / 'annotations.json'
    categories = [dict(id=1, name='person')]
    file.write_text(json.dumps(dict(images=images, annotations=people, categories=categories)))
    return file, results, [image['id'] for image in images]


def test_precision_from_matches_is_that_of_coco(tmp_path: Path) -> None:
    file, results, ids = some_results(tmp_path)
    expected = coco_numbers(file, results, ids, SIGMAS)
    save_matches(tmp_path / 'row_seed0.npz', match_images(file, results, ids, SIGMAS))
    matches = load_matches(tmp_path / 'row_seed0.npz')
    own = average_precision(matches)
    assert 0.1 < expected['AP'] < 0.9
    assert own.mean() == pytest.approx(expected['AP'], abs=1e-12)
    assert own[0] == pytest.approx(expected['AP50'], abs=1e-12)
    assert own[5] == pytest.approx(expected['AP75'], abs=1e-12)
    some = coco_numbers(file, results, ids[3:], SIGMAS)['AP']
    times = np.array([0] * 3 + [1] * 9)
    assert average_precision(matches, times).mean() == pytest.approx(some, abs=1e-12)
    assert average_precision(matches, 2 * times).mean() == pytest.approx(some, abs=1e-3)
    assert average_precision(matches, times + (times > 0)[::-1]).mean() != pytest.approx(some)


def test_a_row_without_poses_has_no_precision(tmp_path: Path) -> None:
    file, _, ids = some_results(tmp_path)
    assert average_precision(match_images(file, [], ids, SIGMAS)).tolist() == [0] * 10


def test_resampling_pairs_the_rows(tmp_path: Path) -> None:
    file, results, ids = some_results(tmp_path)
    runs = {0: match_images(file, results, ids, SIGMAS)}
    fewer = {0: match_images(file, results[::2], ids, SIGMAS)}
    drawn = resample(dict(one=runs, same=runs, fewer=fewer), rounds=50)
    assert difference(drawn['one'], drawn['same']) == (0, 0, 0)
    gap = difference(drawn['one'], drawn['fewer'])
    aps = [average_precision(rows[0]).mean() for rows in (runs, fewer)]
    assert gap.value == pytest.approx(aps[0] - aps[1])
    assert gap.low < gap.value < gap.high


def test_results_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    settings = dict(passes=2, steps=5, batch_size=3, max_images=None)
    file = tmp_path / 'ae_seed0.json'
    assert not is_finished(file, Namespace(**settings))
    file.write_text(json.dumps(dict(settings=settings)))
    assert is_finished(file, Namespace(**settings))
    with pytest.raises(UserError, match='--batch-size 3, not 4'):
        is_finished(file, Namespace(**settings | dict(batch_size=4)))


def test_the_numbers_are_those_of_the_matches() -> None:
    rows = report.read(PROJECT)
    found = load_all(PROJECT / 'matches', rows)
    assert found.keys() == rows.keys()
    for key, runs in rows.items():
        for run in runs:
            assert numbers(found[key][run['seed']]) == pytest.approx(run['numbers'], abs=1e-9)


def test_a_row_is_trained_evaluated_and_reported(tmp_path: Path) -> None:
    args = small_study(tmp_path)
    study = Study(args, tmp_path)
    for key in ('paper7', 'ae'):
        study.tune(key)
    for key in ('snapped', 'paper7', 'ae_position'):
        study.run(key, 0)
    rows = report.read(tmp_path)
    assert list(rows) == ['snapped', 'paper7', 'table2_row4', 'ae_position', 'soft']
    assert rows['snapped'][0]['numbers']['AP'] == pytest.approx(1)
    assert rows['paper7'][0]['rate'] == 0.006 and rows['paper7'][0]['alone']['right'] >= 0
    assert all(is_finished(file, args) for file in (tmp_path / 'results').iterdir())
    text = report.write(tmp_path, intervals=True)
    assert '| row 7: + position encoding − row 1: regression moved' in text
    assert cv2.imread(str(tmp_path / 'table1.png')) is not None


@pytest.mark.parametrize('key', [key for key, row in ROWS.items() if is_trained(row)])
def test_every_trained_row_learns_from_all_its_weights(key: str) -> None:
    view = two_people(2)
    method = build(ROWS[key], SIGMAS, S)
    losses = method.losses(view, torch.tensor([[0, 1], [1, -1]]))
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    touched = [p for p in method.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert len(touched) > 3
    poses = method.eval().predict(view)
    assert poses.keypoints.shape[2:] == (K, 2) and torch.isfinite(poses.keypoints).all()


def test_tags_that_tell_people_apart_give_their_poses() -> None:
    view = two_people()
    method = TagGrouping(SIGMAS, S)
    tags = torch.zeros(1, K, R)
    tags[:, :, 1] = 5.0
    method.forward = lambda _: tags
    poses = method.predict(view)
    found = poses.keypoints[0][poses.valid[0]]
    order = found[:, 0, 0].argsort()
    torch.testing.assert_close(found[order], view.persons.keypoints[0])


def test_grouping_alone_counts_swapped_keypoints() -> None:
    view = two_people()
    alone = AloneSet([view], [torch.ones(2, K, dtype=torch.bool)], [torch.zeros(2)])
    device = torch.device('cpu')
    right = judge(Regression(SIGMAS, S), alone, SIGMAS, device)
    assert right is not None and right['right'] == 1 and right['wrong person'] == 0
    regressed = view.centers.regressed.clone()
    regressed[0, :, :3] = regressed[0, [1, 0], :3]  # three keypoints of each are the other's
    swapped = view._replace(centers=view.centers._replace(regressed=regressed))
    wrong = judge(Regression(SIGMAS, S), alone._replace(views=[swapped]), SIGMAS, device)
    assert wrong is not None and wrong['wrong person'] == pytest.approx(3 / K)
    assert wrong['right'] == pytest.approx(1 - 3 / K)


PAGES = [
    (PROJECT, PROJECT.parents[2] / 'docs' / 'evidence.md'),
    (PROJECT / 'reduced', PROJECT / 'reduced' / 'README.md'),
]


@pytest.mark.parametrize('folder, page', PAGES, ids=['full', 'reduced'])
def test_the_documents_have_the_tables_of_the_results(folder: Path, page: Path) -> None:
    rows, text = report.read(folder), page.read_text()
    tables = [*report.precision_tables(rows), *report.alone_table(rows)]
    for table in [*tables, *report.crowded_table(folder)]:
        assert table in text


def test_the_pages_quote_row_7_of_both_studies() -> None:
    text = PAGES[1][1].read_text().partition("### The paper's")[0]
    for folder, _ in PAGES:
        files = sorted((folder / 'results').glob('paper7_seed?.json'))
        values = [json.loads(file.read_text())['numbers']['AP'] for file in files]
        spread = f'.{1000 * np.mean(values):03.0f} ± .{1000 * np.std(values, ddof=1):03.0f}'
        assert len(values) == 3 and spread in text, folder


@pytest.mark.slow
@pytest.mark.parametrize('folder, page', PAGES, ids=['full', 'reduced'])
def test_the_documents_have_the_intervals_of_the_matches(folder: Path, page: Path) -> None:
    text = page.read_text()
    assert all(table in text for table in report.significance_table(folder))


def test_the_picture_of_the_documents_is_drawn_from_the_results(tmp_path: Path) -> None:
    report.draw(report.read(PROJECT), tmp_path / 'table1.png')
    drawn, kept = (cv2.imread(str(f / 'table1.png')) for f in (tmp_path, PROJECT))
    assert drawn.shape[1] == pytest.approx(kept.shape[1], abs=40)  # fonts differ
    assert drawn.shape[0] == pytest.approx(kept.shape[0], abs=40)
