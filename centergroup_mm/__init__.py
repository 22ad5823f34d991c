"""CenterGroup (ICCV 2021), bottom-up pose estimation by attention, for MMPose 1.x.

``import centergroup_mm`` checks that the OpenMMLab packages are there, fills the gaps that
mmcv-lite, a missing torchvision or a recent setuptools leave (see ``compat.py``), and registers
everything the package adds in MMPose's registries:

- codecs: ``AttentionGroupingCodec``, ``MoveNetCodec``;
- datasets: ``BottomupCocoDataset`` and its like, the transforms MMPose lacks;
- evaluation: ``BottomupCocoMetric``;
- models: ``CenterHigherHRNetHead``, ``CenterGroupNeck``, ``AttentionGrouping``,
  ``CenterGroupHead``, ``CenterGroupLoss``, ``CenterHungarianAssigner``,
  ``MoveNetMobileNetV2``, ``MoveNetFPN``, ``MoveNetHead``, ``MoveNetLoss``;
- engine: ``PlainCheckpointHook``, ``DetectorCheckpointHook`` and ``ChannelsLastHook``;
- visualization: ``CenterGroupVisualizer``.

The models are found by name too, such as ``MMPoseInferencer('centergroup')``, see
``inference/names.py``.

Configs do it with ``custom_imports = dict(imports=['centergroup_mm'])``. Outside a config,
import this package before ``mmpose.models`` or ``mmpose.visualization``.
"""

from .compat import keep_heatmap_setting, prepare
from .utils.moved import install
from .version import __version__

prepare()
install()

from . import (  # noqa: E402
    codecs,
    datasets,
    engine,
    evaluation,
    inference,
    models,
    visualization,
)
from .checkpoints.safe_loading import guard_loading  # noqa: E402

guard_loading()
keep_heatmap_setting()
inference.register()

__all__ = [
    '__version__',
    'codecs',
    'datasets',
    'engine',
    'evaluation',
    'inference',
    'models',
    'visualization',
]
