"""The page in a real browser finds what the Python runner finds, in a photograph and a webcam."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib import cbook

from tests.conftest import ROOT
from tests.helpers.chromium import PHONE, Chromium, needs_chromium

PROJECT = ROOT / 'projects' / 'browser'
MODEL = PROJECT / 'photographs.onnx'
VISIBLE = 0.3  # least score of a keypoint that is drawn
LEAST = 0.3  # and of a pose, in the page and in tools/run_onnx.py
pytestmark = [
    pytest.mark.slow,
    needs_chromium,
    pytest.mark.skipif(shutil.which('npm') is None, reason='no npm: install Node.js'),
    pytest.mark.skipif(
        not MODEL.is_file(), reason='no photographs.onnx: README.md says what writes it'
    ),
]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """A built copy of the project, with the model."""
    copy = tmp_path_factory.mktemp('browser') / 'project'
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns('node_modules', 'dist', 'tests'))
    install = subprocess.run(['npm', 'ci'], cwd=copy, capture_output=True, text=True, check=False)
    if install.returncode:
        pytest.skip(f'npm ci failed: {install.stderr.strip().splitlines()[-1:]}')
    subprocess.run(['npm', 'run', 'build'], cwd=copy, check=True, capture_output=True)
    return copy


@pytest.fixture(scope='module')
def address(folder: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(folder / 'dist'))
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}/'
        server.shutdown()


@pytest.fixture(scope='module')
def portrait(tmp_path_factory) -> Path:
    """Rear Admiral Grace Hopper, in the public domain, as PNG: JPEG decoders differ a little."""
    path = tmp_path_factory.mktemp('photographs') / 'portrait.png'
    with cbook.get_sample_data('grace_hopper.jpg') as file:
        cv2.imwrite(str(path), cv2.imdecode(np.frombuffer(file.read(), np.uint8), 1))
    return path


def poses_in_python(folder: Path, image: Path) -> list[dict]:
    """What tools/run_onnx.py finds with the file of the page."""
    out = image.parent / f'{image.stem}_found'
    command = [sys.executable, str(ROOT / 'tools/run_onnx.py'), str(folder / 'photographs.onnx')]
    subprocess.run([*command, str(image), '--out', str(out)], check=True, capture_output=True)
    return json.loads((out / f'{image.stem}.json').read_text())['poses']


def compare(found: list[dict], expected: list[dict]) -> None:
    """The same people, and every keypoint that is drawn within a pixel."""
    found = [pose for pose in found if pose['score'] >= LEAST]
    assert len(found) == len(expected) >= 1
    for one, other in zip(found, expected, strict=True):
        assert one['score'] == pytest.approx(other['score'], abs=0.01)
        a, b = np.array(one['keypoints']), np.array(other['keypoints'])
        drawn = b[:, 2] >= VISIBLE
        assert drawn.sum() >= 3
        assert np.abs(a[drawn, :2] - b[drawn, :2]).max() < 1
        np.testing.assert_allclose(a[:, 2], b[:, 2], atol=0.03)


def ready(page: Chromium, address: str) -> None:
    page.open(address)
    page.wait('document.body.classList.contains("ready")', 120)


def test_a_photograph_gives_the_poses_of_the_python_runner(folder, address, portrait):
    with Chromium(network=True) as page:
        ready(page, address)
        choose = 'document.getElementById("photograph")'
        node = page.call('Runtime.evaluate', expression=choose)['result']['objectId']
        page.call('DOM.setFileInputFiles', files=[str(portrait)], objectId=node)
        page.wait('globalThis.lastResult !== undefined', 120)
        result = page.run('globalThis.lastResult')
        expected = poses_in_python(folder, portrait)
        compare(result['poses'], expected)
        assert status(page).startswith(f'{len(expected)} p')
        raise_threshold(page)
        assert status(page).startswith('0 people')
        page.size(PHONE, touch=True)
        assert page.run('document.documentElement.scrollWidth') <= PHONE[0]
        assert page.complaints() == []
        assert all(asked.startswith(address) for asked in page.requests())


def status(page: Chromium) -> str:
    return page.run('document.getElementById("status").textContent')


def raise_threshold(page: Chromium) -> None:
    page.run(
        '(slider => { slider.value = 1; slider.dispatchEvent(new Event("input")); })'
        '(document.getElementById("threshold"))'
    )


def test_a_webcam_gives_the_poses_of_its_frames(folder, address, portrait, tmp_path):
    video, image = tmp_path / 'webcam.y4m', cv2.imread(str(portrait))
    height, width = image.shape[:2]
    frame = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).tobytes()
    head = f'YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n'.encode()
    video.write_bytes(head + b''.join(b'FRAME\n' + frame for _ in range(5)))
    flags = [
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
        f'--use-file-for-fake-video-capture={video}',
    ]
    with Chromium(flags, network=True) as page:
        page.size((1100, 900))  # the button stays in view below the picture
        ready(page, address)
        page.mouse('#webcam', press=True)
        page.wait('globalThis.framesPerSecond > 0', 120)
        assert 'frames a second' in status(page)
        page.mouse('#webcam', press=True)
        page.wait('document.getElementById("status").textContent.includes("closed")', 120)
        data = page.run(
            'lastPicture.convertToBlob().then(blob => new Promise(done => {'
            'const reader = new FileReader(); reader.onload = () => done(reader.result);'
            'reader.readAsDataURL(blob); }))'
        )
        (tmp_path / 'frame.png').write_bytes(base64.b64decode(data.partition(',')[2]))
        found = page.run('globalThis.lastResult')['poses']
        compare(found, poses_in_python(folder, tmp_path / 'frame.png'))
        assert page.complaints() == []


def test_a_page_without_the_model_asks_for_it(folder, tmp_path):
    empty = tmp_path / 'dist'
    shutil.copytree(folder / 'dist', empty, ignore=shutil.ignore_patterns('photographs.onnx'))
    handler = functools.partial(QuietHandler, directory=str(empty))
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Chromium(network=True) as page:
            page.open(f'http://127.0.0.1:{server.server_port}/')
            page.wait('!document.getElementById("choose-model").hidden')
            choose = 'document.getElementById("model")'
            node = page.call('Runtime.evaluate', expression=choose)['result']['objectId']
            broken = tmp_path / 'broken.onnx'
            broken.write_bytes(b'no model')
            page.call('DOM.setFileInputFiles', files=[str(broken)], objectId=node)
            page.wait('document.getElementById("status").textContent.includes("cannot be used")')
        server.shutdown()
