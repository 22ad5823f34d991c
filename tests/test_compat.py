"""What compat.py fills in, and that it leaves alone what is really there."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from centergroup_mm import compat
from centergroup_mm.engine.hooks.plain_checkpoint_hook import to_buffer, to_plain

ROOT = Path(__file__).resolve().parents[1]
MMCV_LITE = importlib.util.find_spec('mmcv') and not list(
    Path(importlib.util.find_spec('mmcv').submodule_search_locations[0]).glob('_ext*')
)
#: import hooks for a fresh interpreter: these modules are not there, or break on import
HIDE = """
import importlib.abc, sys
class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {hidden!r}:
            raise ModuleNotFoundError('hidden ' + name, name=name)
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in {hidden!r} else real(name, *a)
sys.meta_path.insert(0, Hide())
"""


def python(code: str, *path: Path) -> tuple[int, str]:
    """Run code in a fresh interpreter that finds ``path`` first."""
    folders = [*map(str, path), str(ROOT)]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(folders), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope='module')
def bare() -> dict:
    """What a fresh interpreter without torchvision and pkg_resources finds."""
    code = """
import centergroup_mm, mmpose.models, mmpose.visualization, mmpose.apis
import json
from mmengine.utils import get_installed_path, is_installed
from mmengine.utils.dl_utils import collect_env
from mmpose.visualization.local_visualizer import PoseLocalVisualizer, SimCCVisualizer
PoseLocalVisualizer()
found = dict(environment=list(collect_env()))
for name in ('mmpose', 'opencv-python-headless'):
    found[name] = get_installed_path(name)
for name in ('mmdet', 'opencv-python-headless', 'no_such_package'):
    found[f'{name} is installed'] = is_installed(name)
try:
    SimCCVisualizer()
except ImportError as error:
    found['said'] = str(error)
print(json.dumps(found))
"""
    status, output = python(HIDE.format(hidden=('torchvision', 'pkg_resources')) + code)
    assert status == 0, output
    return json.loads(output.strip().splitlines()[-1])


def test_import_comes_before_mmpose_models(bare: dict) -> None:
    assert {'Python', 'MMEngine'} <= set(bare['environment'])


@pytest.mark.skipif(not MMCV_LITE, reason='the compiled mmcv is installed')
def test_missing_operators_can_be_imported_and_say_so_when_used() -> None:
    from mmcv.ops import DeformConv2d, MultiScaleDeformableAttention, RoIPool, batched_nms
    from mmcv.ops.carafe import CARAFEPack
    from mmcv.utils import collect_env

    assert CARAFEPack and MultiScaleDeformableAttention
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    with pytest.raises(ImportError, match=r'pip install "mmcv'):
        batched_nms(boxes, torch.ones(1), torch.zeros(1), dict(type='nms', iou_threshold=0.5))
    with pytest.raises(ImportError, match='pip uninstall mmcv-lite'):
        RoIPool(2)(torch.ones(1, 1, 4, 4), torch.tensor([[0.0, 0.0, 0.0, 3.0, 3.0]]))
    with pytest.raises(ImportError, match='deform_conv_forward'):
        DeformConv2d(1, 1, 3)(torch.ones(1, 1, 4, 4), torch.ones(1, 18, 2, 2))
    assert collect_env()['MMCV Compiler'] == 'n/a'


@pytest.mark.skipif(not MMCV_LITE, reason='the compiled mmcv is installed')
def test_missing_operators_still_count_as_missing() -> None:
    from mmengine.utils.dl_utils import misc

    assert importlib.util.find_spec('mmcv._ext').loader is None
    if sys.version_info < (3, 14):  # mmengine uses pkgutil.find_loader
        assert not misc.mmcv_full_available()


def test_without_torchvision(bare: dict) -> None:
    assert 'TorchVision' not in bare['environment']
    assert 'SimCCVisualizer needs a torchvision that matches' in bare['said']


def test_broken_torchvision(tmp_path: Path) -> None:
    """As one built for another torch is."""
    (tmp_path / 'torchvision').mkdir()
    text = 'raise RuntimeError("operator torchvision::nms does not exist")'
    (tmp_path / 'torchvision' / '__init__.py').write_text(text)
    code = """
import centergroup_mm
from mmengine.utils.dl_utils import collect_env
from mmpose.visualization import PoseLocalVisualizer
from mmpose.visualization.local_visualizer import SimCCVisualizer
assert 'TorchVision' not in collect_env()
PoseLocalVisualizer()
try:
    SimCCVisualizer()
except ImportError as error:
    print('said:', error)
"""
    status, output = python(code, tmp_path)
    assert status == 0, output
    assert 'said: SimCCVisualizer needs a torchvision that matches' in output


def test_working_torchvision_is_used(tmp_path: Path) -> None:
    (tmp_path / 'torchvision').mkdir()
    (tmp_path / 'torchvision' / '__init__.py').write_text('__version__ = "0.99"')
    (tmp_path / 'torchvision' / 'transforms.py').write_text('class ToPILImage: pass')
    code = (
        'import centergroup_mm; from mmpose.visualization.simcc_vis import SimCCVisualizer as s;'
        'print(s.draw_instance_xy_heatmap.__name__, s.__module__)'
    )
    status, output = python(code, tmp_path)
    assert status == 0, output
    assert 'draw_instance_xy_heatmap mmpose.visualization.simcc_vis' in output


def test_without_pkg_resources(bare: dict) -> None:
    assert bare['mmpose'].endswith('mmpose')
    assert bare['opencv-python-headless'].endswith('cv2')
    assert bare['mmdet is installed'] and bare['opencv-python-headless is installed']
    assert not bare['no_such_package is installed']


@pytest.mark.parametrize(
    ('missing', 'remedy'),
    [
        ('mmpose', 'pip install --no-deps mmpose==1.3.2'),
        ('mmdet', 'pip install --no-deps mmdet==3.3.0'),
        ('mmcv', 'pip install --no-deps mmcv-lite==2.1.0'),
        ('munkres', 'pip install munkres'),
    ],
)
def test_missing_package_names_the_remedy(
    missing: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda n: None if n == missing else real(n))
    with pytest.raises(ImportError) as caught:
        compat.check_versions()
    assert remedy in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('version', ['2.2.0', '1.7.0', '2.2.0rc1'])
def test_unsuitable_version_names_the_remedy(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('mmcv.__version__', version)
    with pytest.raises(ImportError, match=f'mmcv>=2.0.0,<2.2.0, found {version}: pip install'):
        compat.check_versions()


def test_versions_with_local_parts_are_read() -> None:
    assert compat._numbers('2.1.0+cu121') == (2, 1, 0)
    assert compat._numbers('2.0.0rc4') == (2, 0, 0)


def test_log_buffers_survive_the_way_through_plain_content() -> None:
    buffer = HistoryBuffer([0.5, 0.25], [1, 2], max_length=7)
    plain = to_plain({'loss': buffer, 'best': np.float64(0.5), 'sigmas': np.ones(2), 'a': {1, 2}})
    assert plain['best'] == 0.5 and plain['sigmas'] == [1.0, 1.0] and plain['a'] == [1, 2]
    restored = to_buffer(plain['loss'])
    assert isinstance(restored, HistoryBuffer)
    assert restored.max_length == 7
    for ours, original in zip(restored.data, buffer.data, strict=True):
        assert ours.dtype == original.dtype
        np.testing.assert_array_equal(ours, original)
    restored.update(0.125)
    assert restored.mean(2) == pytest.approx(
        (0.25 + 0.125) / 3
    )  # mmengine sums values, not products


@pytest.mark.slow
def test_compiled_mmcv_is_left_alone(shared_dir: Path, tmp_path: Path) -> None:
    """The same package with compiled operators: nothing stands in for them, and they run."""
    tag = f'cp{sys.version_info[0]}{sys.version_info[1]}'
    wheels = list((shared_dir / 'wheels').glob(f'mmcv-*{tag}*.whl'))
    if not wheels or sys.platform != 'linux' or torch.version.cuda:
        pytest.skip(f'no wheel of the compiled mmcv for {tag}, Linux and a CPU build of torch')
    command = [sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--target']
    subprocess.run([*command, str(tmp_path), str(wheels[0])], check=True, timeout=300)
    code = """
import centergroup_mm, mmcv, mmcv._ext, sys, torch
import mmpose.models, mmpose.visualization
from mmcv.ops import batched_nms
print(mmcv.__file__, mmcv._ext.__file__)
boxes = torch.tensor([[0., 0., 4., 4.], [0., 0., 4., 3.9], [8., 8., 9., 9.]])
scores = torch.tensor([.9, .8, .7])
_, keep = batched_nms(boxes, scores, torch.zeros(3), dict(type='nms', iou_threshold=0.5))
assert keep.tolist() == [0, 2]
"""
    status, output = python(code, tmp_path)
    assert status == 0, output
    assert str(tmp_path) in output
    config = ROOT / 'tests' / 'helpers' / 'toy_config.py'
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, str(ROOT / 'tools' / 'train.py'), str(config)]
    subprocess.run([*command, '--work-dir', str(tmp_path / 'run')], env=environment, check=True)
    assert (tmp_path / 'run' / 'epoch_2.pth').is_file()
