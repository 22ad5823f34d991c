"""``centergroup data select`` keeps some keypoints and everything else."""

from __future__ import annotations

import json

import pytest

from centergroup_lite.data.select import select_keypoints
from centergroup_lite.errors import UserError

from ...helpers.skeletons import FIVE, write_dataset


def test_keypoints_come_in_the_order_asked_for(tmp_path, capsys):
    path = write_dataset(tmp_path / 'data', FIVE)
    wanted = [FIVE[3], FIVE[0]]
    select_keypoints(str(path), str(tmp_path / 'two.json'), wanted)
    assert '2 keypoints, 8 people' in capsys.readouterr().out
    before, after = (json.loads(p.read_text()) for p in (path, tmp_path / 'two.json'))
    assert after['categories'][0]['keypoints'] == wanted
    assert after['images'] == before['images']
    for old, new in zip(before['annotations'], after['annotations'], strict=True):
        assert new['keypoints'] == old['keypoints'][9:12] + old['keypoints'][:3]
        assert new['num_keypoints'] == 2 and new['bbox'] == old['bbox']


def test_links_stay_where_both_ends_do(tmp_path):
    path = write_dataset(tmp_path / 'data', FIVE)
    content = json.loads(path.read_text())
    content['categories'][0]['skeleton'] = [[1, 2], [2, 4], [4, 5]]
    path.write_text(json.dumps(content))
    select_keypoints(str(path), str(tmp_path / 'three.json'), [FIVE[3], FIVE[1], FIVE[0]])
    (category,) = json.loads((tmp_path / 'three.json').read_text())['categories']
    assert category['skeleton'] == [[3, 2], [2, 1]]


@pytest.mark.parametrize(
    ('wanted', 'message'),
    [
        (['wing'], 'no keypoint wing, it has '),
        ([FIVE[0], FIVE[0]], 'each name once'),
    ],
)
def test_mistakes_end_in_one_line(tmp_path, wanted, message):
    path = write_dataset(tmp_path / 'data', FIVE)
    with pytest.raises(UserError, match=message):
        select_keypoints(str(path), str(tmp_path / 'out.json'), wanted)
    assert not (tmp_path / 'out.json').exists()
    with pytest.raises(UserError, match='exists: choose another name or pass --overwrite'):
        select_keypoints(str(path), str(path), [FIVE[0]])
