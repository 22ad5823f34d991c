"""Measure what long thin images cost beside a square one, in everything that reads images.

    python projects/reliability/thin.py

Each case runs in a fork of this process, so that packages are imported once, with a limit of 4 GiB
and 60 s. Memory is what it needs at most beyond what it has at its start. The model is the small
synthetic one at 256 pixels, whose short side is what the test pipeline fits.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from fuzzing.child import run_case  # noqa: E402
from fuzzing.commands import command  # noqa: E402
from fuzzing.material import Material, config_text, make  # noqa: E402
from fuzzing.outcome import Case, Outcome, SilentlyWrong  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402

#: what a fork would have to import
IMPORTED = ('mmpose.apis', 'mmpose.engine', 'torch._dynamo', 'matplotlib.pyplot')
#: [h, w]; the first is what the others are compared with
SIZES = ((400, 400), (1, 5000), (5000, 1), (8, 4000), (4000, 64))
#: a thin image may cost so many times what a square one does, and at least so many seconds and MB
MOST, SECONDS, MEGABYTES = 5.0, 2.0, 50.0


def predict(folder: Path, image: Path, material: Material) -> None:
    """``centergroup predict``."""
    command('predict', image, '--config', material.config, '--checkpoint', material.weights)
    found(folder / f'{image.stem}_poses.jpg')


def predict_onnx(folder: Path, image: Path, material: Material) -> None:
    """``centergroup predict --onnx`` with a file that was exported before."""
    command('predict', image, '--onnx', material.folder / 'model.onnx')
    found(folder / f'{image.stem}_poses.jpg')


def explain(folder: Path, image: Path, material: Material) -> None:
    """``centergroup explain``, page and panels."""
    model = ('--config', material.config, '--checkpoint', material.weights)
    command('explain', image, *model, '--picture', 'why.png')
    found(folder / f'{image.stem}_explained.html')
    found(folder / 'why.png')


def test(folder: Path, image: Path, material: Material) -> None:
    """``centergroup test`` with drawings."""
    config = write_data(folder, image, material.config)
    command('test', config, material.weights, '--show-dir', 'drawn', '--out', 'metrics.json')
    found(folder / 'metrics.json')
    found(folder / 'drawn' / f'{image.stem}_1.jpg')


def train(folder: Path, image: Path, material: Material) -> None:
    """``centergroup train``: an iteration and a validation."""
    command('train', write_data(folder, image, material.config), '--work-dir', 'run')
    found(folder / 'run' / 'iter_1.pth')


def inferencer(folder: Path, image: Path, material: Material) -> None:
    """MMPose's own inferencer, with drawings."""
    from mmpose.apis import MMPoseInferencer

    with DefaultScope.overwrite_default_scope('mmpose'):
        infer = MMPoseInferencer(str(material.config), str(material.weights), device='cpu')
        list(infer(str(image), out_dir=str(folder / 'out')))
    found(folder / 'out' / 'predictions' / f'{image.stem}.json')


TOOLS: dict[str, Callable[[Path, Path, Material], None]] = {
    'predict': predict,
    'predict --onnx': predict_onnx,
    'explain': explain,
    'test': test,
    'train': train,
    "MMPose's inferencer": inferencer,
}


def found(path: Path) -> None:
    """Raise SilentlyWrong if a result is missing or empty."""
    if not path.is_file() or not path.stat().st_size:
        raise SilentlyWrong(f'{path.name} is missing')


def write_data(folder: Path, image: Path, config: Path) -> Path:
    """Write annotations of one person that fills an image, and a config that has only this image.

    Returns:
        path of the config.
    """
    height, width = cv2.imread(str(image)).shape[:2]
    points = np.linspace((0, 0), (width - 1, height - 1), 17)
    person = dict(id=1, image_id=1, category_id=1, iscrowd=0, num_keypoints=17)
    person.update(
        keypoints=[value for x, y in points for value in (x, y, 2)],
        bbox=[0, 0, width, height],
        area=width * height,
        segmentation=[],
    )
    content = json.loads((Path(config).parent / 'scenes' / 'person_keypoints.json').read_text())
    content['images'] = [dict(id=1, file_name=image.name, width=width, height=height)]
    content['annotations'] = [person]
    (folder / 'images').mkdir()
    (folder / 'images' / image.name).write_bytes(image.read_bytes())
    (folder / 'person_keypoints.json').write_text(json.dumps(content))
    path = folder / 'thin.py'
    path.write_text(config_text(config, folder))
    return path


def measure(material: Material, tool: str, size: Sequence[int]) -> Outcome:
    """Run a tool on an image of a size (h, w), which shows a scene stretched to it."""
    for name in IMPORTED:
        importlib.import_module(name)
    image = material.folder / f'image_{size[0]}x{size[1]}.png'
    cv2.imwrite(str(image), cv2.resize(material.scene, tuple(size[::-1])))
    report = material.folder / 'megabytes'

    def run(folder: Path) -> None:
        before = held('VmRSS')  # a fork has few of the pages that it shares with its parent
        TOOLS[tool](folder, image, material)
        report.write_text(str((held('VmHWM') - before) / 1024))

    outcome = run_case(tool, Case(f'{size[0]}x{size[1]}', run, good=True))
    if outcome.result != 'sound':
        return outcome
    return outcome._replace(megabytes=float(report.read_text()))


def held(field: str) -> int:
    """Memory of this process in kB, now or at most, as Linux counts it."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def export(material: Material) -> None:
    """Write the ONNX file of the model, without the limits of a case."""
    words = ['export', material.config, material.weights, material.folder / 'model.onnx']
    subprocess.run(
        [sys.executable, '-m', 'centergroup_lite', *map(str, words)],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def dearer(thin: Outcome, square: Outcome) -> bool:
    """Whether a thin image fails, or costs more time or memory than it may."""
    return (
        thin.result != 'sound'
        or thin.seconds > MOST * max(square.seconds, SECONDS)
        or thin.megabytes > MOST * max(square.megabytes, MEGABYTES)
    )


def main() -> int:
    """Print a row for each tool; exit status 1 if a thin image costs too much."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--tools', nargs='+', choices=list(TOOLS), default=list(TOOLS))
    args = parser.parse_args()
    print('| tool | ' + ' | '.join(f'{height} x {width}' for height, width in SIZES) + ' |')
    print('|---' * (len(SIZES) + 1) + '|')
    wrong = False
    with tempfile.TemporaryDirectory() as folder:
        material = make(Path(folder))
        if 'predict --onnx' in args.tools:
            export(material)
        for tool in args.tools:
            outcomes = [measure(material, tool, size) for size in SIZES]
            cells = [f'{one.seconds:.1f} s, {one.megabytes:.0f} MB' for one in outcomes]
            print(f'| {tool} | ' + ' | '.join(cells) + ' |', flush=True)
            for one in outcomes:
                if dearer(one, outcomes[0]):
                    wrong = True
                    print(f'{tool} {one.case}: {one.result} {one.text[-500:]}')
    return int(wrong)


if __name__ == '__main__':
    sys.exit(main())
