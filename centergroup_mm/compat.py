"""Workarounds that let MMPose 1.3 run with current versions of its dependencies.

Each function does nothing if the real part is there. A stand-in for a missing part can be imported,
and raises an error that says what to install when it is used.

- :func:`check_versions`: mmengine, mmcv, mmdet and mmpose are not in ``install_requires``
  (their own requirements would replace torch and fail to build), so they are checked here.
- :func:`fill_mmcv_ops`: mmcv-lite ships ``mmcv/ops`` without its compiled half ``mmcv._ext``.
- :func:`fill_simcc_visualizer`: MMPose's visualizer imports torchvision for the drawing of SimCC.
- :func:`fill_package_lookup`: mmengine looks packages up with ``pkg_resources``, which
  setuptools 81 no longer has.
- :func:`keep_heatmap_setting`: MMPose's inferencer forgets ``draw_heatmap`` for bottom-up models.
- :func:`is_traced`: torch 2.3 and newer tell it in another place.

Checkpoints are made loadable by :class:`centergroup_mm.engine.hooks.PlainCheckpointHook`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import os.path as osp
import re
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

import torch

#: module -> (lowest version, first version that is too new, what installs it)
SUPPORTED: dict[str, tuple[str, str, str]] = {
    'mmengine': ('0.10.0', '1.0.0', 'pip install --no-deps mmengine==0.10.7'),
    'mmcv': ('2.0.0', '2.2.0', 'pip install --no-deps mmcv-lite==2.1.0'),
    'mmdet': ('3.0.0', '3.4.0', 'pip install --no-deps mmdet==3.3.0'),
    'mmpose': ('1.3.0', '1.4.0', 'pip install --no-deps mmpose==1.3.2'),
}
#: what the OpenMMLab packages import, which ``--no-deps`` leaves out: module -> distribution
RUNTIME: dict[str, str] = {
    'PIL': 'pillow',
    'addict': 'addict',
    'cv2': '"opencv-python-headless<4.12"',
    'json_tricks': 'json_tricks',
    'matplotlib': 'matplotlib',
    'munkres': 'munkres',
    'packaging': 'packaging',
    'pycocotools': 'pycocotools',
    'rich': 'rich',
    'scipy': 'scipy',
    'shapely': 'shapely',
    'termcolor': 'termcolor',
    'terminaltables': 'terminaltables',
    'tqdm': 'tqdm',
    'xtcocotools': 'xtcocotools',
    'yaml': 'pyyaml',
    'yapf': 'yapf',
}
MMCV_OPS_REMEDY = (
    'the compiled half of mmcv is not installed (this is mmcv-lite); CenterGroup does not need '
    'it, but this does: pip uninstall mmcv-lite && pip install "mmcv>=2.0.0,<2.2.0"'
)
TORCHVISION_REMEDY = (
    'SimCCVisualizer needs a torchvision that matches the installed torch; '
    'CenterGroup does not use it: install torchvision first'
)


def prepare() -> None:
    """Check the installation and fill what is missing; the package calls it on import."""
    check_versions()
    fill_mmcv_ops()
    fill_simcc_visualizer()
    fill_package_lookup()


def check_versions() -> None:
    """Raise an ImportError of one line if a package is missing or unsuitable."""
    absent = [module for module in SUPPORTED if importlib.util.find_spec(module) is None]
    missing = [name for module, name in RUNTIME.items() if importlib.util.find_spec(module) is None]
    remedies = []
    if absent:  # in one command, so that a fresh environment needs one try
        pins = ' '.join(SUPPORTED[module][2].split()[-1] for module in absent)
        remedies.append(f'pip install --no-deps {pins}')
    if missing:
        remedies.append(f'pip install {" ".join(missing)}')
    if absent:
        needed = ', '.join('{}>={},<{}'.format(name, *SUPPORTED[name][:2]) for name in absent)
        raise ImportError(
            f'centergroup_mm needs {needed}, not installed here: {" && ".join(remedies)}'
        )
    if missing:
        raise ImportError(f'MMPose misses packages it needs: {remedies[0]}')
    for module, (lowest, too_new, remedy) in SUPPORTED.items():
        found = importlib.import_module(module).__version__
        if not _numbers(lowest) <= _numbers(found) < _numbers(too_new):
            raise ImportError(
                f'centergroup_mm needs {module}>={lowest},<{too_new}, found {found}: {remedy}'
            )
    try:
        importlib.import_module('xtcocotools.mask')
    except ValueError as error:  # numpy.dtype size changed
        raise ImportError(
            'xtcocotools was built against another numpy than the installed one: '
            'pip install "numpy<2", or build xtcocotools with pip install --no-build-isolation'
        ) from error


def fill_mmcv_ops() -> None:
    """Let ``mmcv.ops`` be imported without compiled operators.

    ``mmcv.ops`` of mmcv-lite is complete except for the extension it calls. With a stand-in for
    that extension every name can be imported, and operators with a PyTorch fallback even work.
    """
    if 'mmcv._ext' in sys.modules:
        return
    if importlib.util.find_spec('mmcv._ext') is None:
        sys.modules['mmcv._ext'] = _MissingExtension('mmcv._ext')
        return
    try:
        import torch  # noqa: F401  the extension links against it

        importlib.import_module('mmcv._ext')
    except (ImportError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ImportError(
            f'the compiled operators of mmcv do not load with this torch ({reason}): rebuild '
            'mmcv against it, or pip uninstall mmcv && pip install --no-deps mmcv-lite==2.1.0'
        ) from error


def fill_simcc_visualizer() -> None:
    """Let ``mmpose.visualization`` be imported without a working torchvision."""
    name = 'mmpose.visualization.simcc_vis'
    if name in sys.modules or _torchvision_works():
        return
    module = ModuleType(name, 'Stands in for the original, which needs torchvision.')
    module.__spec__ = ModuleSpec(name, None)
    module.SimCCVisualizer = _MissingSimCCVisualizer  # type: ignore[attr-defined]
    sys.modules[name] = module


def fill_package_lookup() -> None:
    """Let mmengine find installed packages without ``pkg_resources``."""
    if importlib.util.find_spec('pkg_resources') is not None:
        return
    package_utils = importlib.import_module('mmengine.utils.package_utils')
    for new in (get_installed_path, is_installed):
        old = getattr(package_utils, new.__name__)
        for name, module in list(sys.modules.items()):
            if name.partition('.')[0] == 'mmengine' and vars(module).get(new.__name__) is old:
                setattr(module, new.__name__, new)


def keep_heatmap_setting() -> None:
    """Let ``draw_heatmap`` of MMPose's inferencer reach bottom-up models.

    The inferencer writes it into ``model.test_cfg``, and before the first image replaces this by a
    copy of ``model.head.test_cfg``, which does not know of it. Here it is written into both.
    ``mmpose.visualization`` has to be imported already.
    """
    inferencer = importlib.import_module('mmpose.apis.inferencers').Pose2DInferencer
    original = inferencer.update_model_visualizer_settings
    if getattr(original, 'keeps_heatmap_setting', False):
        return

    @functools.wraps(original)
    def update(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        head_cfg = getattr(getattr(self.model, 'head', None), 'test_cfg', None)
        if isinstance(head_cfg, dict):
            head_cfg['output_heatmaps'] = self.model.test_cfg['output_heatmaps']

    update.keeps_heatmap_setting = True  # type: ignore[attr-defined]
    inferencer.update_model_visualizer_settings = update


def is_traced() -> bool:
    """Say whether the code is being traced by torch.compile, torch.export or torch.jit."""
    if hasattr(torch.compiler, 'is_compiling'):
        return torch.compiler.is_compiling() or torch.jit.is_tracing()
    return torch._dynamo.is_compiling() or torch.jit.is_tracing()


def is_exported() -> bool:
    """Say whether the code is being traced by torch.export."""
    return hasattr(torch.compiler, 'is_exporting') and torch.compiler.is_exporting()


def can_list_cells() -> bool:
    """Say whether the code is being traced to a graph in which a list may have any length.

    Those of torch.export may, from the first version of torch with which it was tried.
    """
    major, minor = torch.__version__.split('.')[:2]
    return (int(major), int(minor)) >= (2, 13) and is_exported()


def get_installed_path(package: str) -> str:
    """Return the folder of an installed package, as ``mmengine.utils`` has it.

    Args:
        package: name of a distribution or of a module, such as ``'mmpose'``.
    """
    spec = importlib.util.find_spec(package)
    if spec is None:
        for name in _modules_of(package):
            spec = spec or importlib.util.find_spec(name)
    if spec is None:
        raise importlib.metadata.PackageNotFoundError(package)
    if spec.origin is None:
        raise RuntimeError(f'{package} is a namespace package, it has no single folder')
    return osp.dirname(spec.origin)


def is_installed(package: str) -> bool:
    """Say whether a distribution or a module of this name is installed."""
    if importlib.util.find_spec(package) is not None:
        return True
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


class _MissingExtension(ModuleType):
    """``mmcv._ext`` of mmcv-lite: has every operator, and none of them runs."""

    def __init__(self, name: str) -> None:
        super().__init__(name, 'Stands in for the compiled operators of mmcv.')
        # without a loader mmengine and mmcv still see that there are no compiled operators
        self.__spec__ = ModuleSpec(name, None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        if name in ('get_compiler_version', 'get_compiling_cuda_version'):
            return lambda: 'n/a'  # asked for by mmcv.utils.collect_env

        def missing(*args: Any, **kwargs: Any) -> NoReturn:
            raise ImportError(f'mmcv operator {name!r}: {MMCV_OPS_REMEDY}')

        return missing


class _MissingSimCCVisualizer:
    """Stands in for MMPose's SimCCVisualizer where torchvision is missing or broken."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise ImportError(TORCHVISION_REMEDY)


def _torchvision_works() -> bool:
    """Import torchvision; one that was built for another torch is treated as missing."""
    if importlib.util.find_spec('torchvision') is None:
        return False
    try:
        importlib.import_module('torchvision.transforms')
    except (ImportError, RuntimeError, OSError, AttributeError):
        # mmengine's collect_env imports it too and only expects ModuleNotFoundError
        for name in [n for n in sys.modules if n.partition('.')[0] == 'torchvision']:
            del sys.modules[name]
        sys.modules['torchvision'] = None  # type: ignore[assignment]
        return False
    return True


def _modules_of(distribution: str) -> list[str]:
    """Return the importable names that a distribution installs."""
    owners = importlib.metadata.packages_distributions()
    return [module for module, names in owners.items() if distribution in names]


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading three numbers of a version, (2, 1, 0) for ``'2.1.0rc4'``."""
    parts = re.findall(r'\d+', version.partition('+')[0])[:3]
    return tuple(int(part) for part in parts)
