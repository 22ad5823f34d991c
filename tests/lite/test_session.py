"""Images and videos on their way through a model, and the files that come out."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from centergroup_lite.errors import UserError
from centergroup_lite.session import Plan, run
from centergroup_lite.sources import find_sources

from ..conftest import ROOT
from .spots import Spots, image_of

TWO = ((10, 20, 16), (70, 50, 8))


def write_video(path: Path, frames: int, rate: float, size: tuple[int, int] = (96, 128)) -> None:
    """A spot that moves two pixels a frame."""
    code = cv2.VideoWriter.fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(path), code, rate, size[::-1])
    assert writer.isOpened()
    for index in range(frames):
        writer.write(image_of((10 + 2 * index % 80, 30, 24), size=size))
    writer.release()


def predict(tmp_path: Path, *words: object, **plan: object) -> Path:
    """Run the spots model; returns the folder of the results."""
    out = tmp_path / 'out'
    sources = find_sources([str(word) for word in words])
    plan = Plan(out, **plan)
    plan.check(sources)
    run(Spots(), sources, plan)
    return out


def test_an_image_is_drawn_and_written_as_mmpose_writes_it(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'two.png'), image_of(*TWO))
    out = predict(tmp_path, tmp_path / 'two.png')
    assert 'two_poses.jpg: 2 people in ' in capsys.readouterr().out
    first, second = json.loads((out / 'two_poses.json').read_text())
    assert first == {
        'keypoints': [[10.0, 28.0], [26.0, 28.0]],
        'keypoint_scores': [1.0, 1.0],
        'bbox': [[10.0, 28.0, 26.0, 28.0]],
        'bbox_score': 0.9,
    }
    assert second['keypoints'][0] == [70.0, 54.0]
    drawn = cv2.imread(str(out / 'two_poses.jpg'))
    assert drawn.shape == (96, 128, 3)
    assert np.ptp(drawn[28, 18].astype(int)) > 60, 'no colored line over the white spot'
    assert sorted(p.name for p in out.iterdir()) == ['two_poses.jpg', 'two_poses.json']


def test_poses_below_the_threshold_are_left_out(tmp_path):
    cv2.imwrite(str(tmp_path / 'two.png'), image_of(*TWO))
    out = predict(tmp_path, tmp_path / 'two.png', score_thr=0.8)
    assert len(json.loads((out / 'two_poses.json').read_text())) == 1


@pytest.mark.parametrize('rate', [12.5, 25, 29.97])
def test_the_drawn_video_keeps_rate_and_length(tmp_path, rate):
    write_video(tmp_path / 'clip.mp4', 15, rate)
    out = predict(tmp_path, tmp_path / 'clip.mp4')
    drawn = cv2.VideoCapture(str(out / 'clip_poses.mp4'))
    assert drawn.get(cv2.CAP_PROP_FPS) == pytest.approx(rate, abs=0.01)
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 15
    frames = json.loads((out / 'clip_poses.json').read_text())
    assert [frame['frame_id'] for frame in frames] == list(range(15))
    left = [frame['instances'][0]['keypoints'][0][0] for frame in frames]
    np.testing.assert_allclose(left, 10 + 2 * np.arange(15), atol=2)  # compression blurs edges


def test_some_frames_of_a_video(tmp_path):
    write_video(tmp_path / 'clip.mp4', 9, 25)
    out = predict(tmp_path, tmp_path / 'clip.mp4', max_frames=4)
    assert len(json.loads((out / 'clip_poses.json').read_text())) == 4
    assert cv2.VideoCapture(str(out / 'clip_poses.mp4')).get(cv2.CAP_PROP_FRAME_COUNT) == 4


def test_a_long_video_takes_no_more_memory_than_a_short_one(tmp_path):
    """300 frames of 240 x 320 pixels would be 69 MB."""
    peaks = []
    for frames in (10, 300):
        write_video(tmp_path / f'{frames}.avi', frames, 25, (240, 320))
        code = (
            'import resource; from pathlib import Path\n'
            'from centergroup_lite.session import Plan, run\n'
            'from centergroup_lite.sources import find_sources\n'
            'from tests.lite.spots import Spots\n'
            f'run(Spots(), find_sources([r"{tmp_path}/{frames}.avi"]), Plan(Path("out"),'
            ' ("json", "coco", "csv")))\n'
            'print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)'
        )
        done = subprocess.run(
            [sys.executable, '-c', f'import sys; sys.path.insert(0, r"{ROOT}")\n{code}'],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert f'{frames} frames' in done.stdout
        peaks.append(int(done.stdout.split()[-1]))
        for path in (tmp_path / 'out').glob('*.c*'):
            path.unlink()
    assert peaks[1] - peaks[0] < 20_000, peaks  # kB


def test_coco_results_are_read_by_cocos_tools(tmp_path):
    for name in ('000000000139.png', '000000000007.png'):
        cv2.imwrite(str(tmp_path / name), image_of(*TWO))
    out = predict(tmp_path, tmp_path, formats=['coco'], draw=False)
    assert [p.name for p in out.iterdir()] == ['poses_coco.json']
    truth = COCO()
    truth.dataset = {'images': [{'id': 7}, {'id': 139}], 'categories': [{'id': 1}], 'info': {}}
    truth.createIndex()
    found = truth.loadRes(str(out / 'poses_coco.json'))
    assert sorted(found.getImgIds()) == [7, 139]
    (first, _) = found.loadAnns(found.getAnnIds([139]))
    assert first['keypoints'] == [10, 28, 1, 26, 28, 1] and first['score'] == 0.9


def test_coco_results_take_ids_from_annotations(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), image_of(*TWO))
    ann = tmp_path / 'ann.json'
    ann.write_text(
        json.dumps({'images': [{'id': 55, 'file_name': 'x/a.png'}], 'categories': [{'id': 3}]})
    )
    source = tmp_path / 'a.png'
    out = predict(tmp_path, source, formats=['coco'], draw=False, annotations=str(ann))
    poses = json.loads((out / 'poses_coco.json').read_text())
    assert {(pose['image_id'], pose['category_id']) for pose in poses} == {(55, 3)}
    cv2.imwrite(str(tmp_path / 'b.png'), image_of())
    with pytest.raises(UserError, match=r'has no b.png'):
        predict(
            tmp_path,
            tmp_path / 'b.png',
            formats=['coco'],
            draw=False,
            annotations=str(ann),
            overwrite=True,
        )
    assert json.loads((out / 'poses_coco.json').read_text()) == poses, 'replaced by a part'
    ann.write_text('{}')
    with pytest.raises(UserError, match='not a COCO file'):
        predict(tmp_path, source, formats=['coco'], overwrite=True, annotations=str(ann))


def test_the_table_has_one_row_for_each_keypoint(tmp_path):
    cv2.imwrite(str(tmp_path / 'two.png'), image_of(*TWO))
    write_video(tmp_path / 'clip.mp4', 2, 25)
    sources = (tmp_path / 'two.png', tmp_path / 'clip.mp4')
    out = predict(tmp_path, *sources, formats=['csv'], draw=False)
    with (out / 'poses.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == (2 + 2) * 2
    assert rows[1] == {
        'source': str(tmp_path / 'two.png'),
        'frame': '',
        'person': '0',
        'pose_score': '0.9000',
        'joint': 'right',
        'x': '26.00',
        'y': '28.00',
        'score': '1.0000',
    }
    assert [row['frame'] for row in rows[4:]] == ['0', '0', '1', '1']


def test_what_is_broken_is_named_counted_and_left_out(tmp_path, capsys):
    good = cv2.imencode('.jpg', image_of(*TWO))[1].tobytes()
    files = {
        'good.jpg': good,
        'half.jpg': good[: len(good) // 2],
        'text.png': b'no image',
        'none.bmp': b'',
        'clip.mp4': b'no video',
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match='4 of 5 sources could not be read'):
        predict(tmp_path, tmp_path)
    error = capsys.readouterr().err
    assert 'half.jpg is cut off, left out' in error
    assert 'text.png is not a readable image, left out' in error
    assert 'none.bmp is empty, left out' in error
    assert 'clip.mp4 is not a readable video, left out' in error
    names = sorted(p.name for p in (tmp_path / 'out').iterdir())
    assert names == ['good_poses.jpg', 'good_poses.json']


def test_of_a_video_that_is_cut_off_the_frames_that_are_there_are_written(tmp_path):
    code = cv2.VideoWriter.fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(tmp_path / 'clip.avi'), code, 25, (128, 96))
    for index in range(40):
        writer.write(image_of((10 + index, 30, 24)))
    writer.release()
    content = (tmp_path / 'clip.avi').read_bytes()
    (tmp_path / 'clip.avi').write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r'clip.avi ends after \d+ of 40 frames'):
        predict(tmp_path, tmp_path / 'clip.avi')
    frames = json.loads((tmp_path / 'out' / 'clip_poses.json').read_text())
    assert 5 < len(frames) < 35
    drawn = cv2.VideoCapture(str(tmp_path / 'out' / 'clip_poses.mp4'))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == len(frames)


def test_nothing_is_replaced_unasked(tmp_path):
    cv2.imwrite(str(tmp_path / 'two.png'), image_of(*TWO))
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'two_poses.json').write_text('mine')
    with pytest.raises(UserError, match=r'two_poses.json exists: pass --overwrite'):
        predict(tmp_path, tmp_path / 'two.png')
    assert (tmp_path / 'out' / 'two_poses.json').read_text() == 'mine'
    predict(tmp_path, tmp_path / 'two.png', overwrite=True)
    assert len(json.loads((tmp_path / 'out' / 'two_poses.json').read_text())) == 2


def test_an_interrupted_video_leaves_no_half_results(tmp_path):
    class Interrupted(Spots):
        def find(self, image):
            if left(image) > 20:
                raise KeyboardInterrupt
            return super().find(image)

    def left(image):
        return Spots().find(image).keypoints[0, 0, 0]

    write_video(tmp_path / 'clip.mp4', 20, 25)
    plan = Plan(tmp_path / 'out', ('json', 'csv'))
    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(), find_sources([str(tmp_path / 'clip.mp4')]), plan)
    assert list((tmp_path / 'out').iterdir()) == []
