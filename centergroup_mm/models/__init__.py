"""Models: estimator, data preprocessor, backbones, heads, necks, grouping, losses, assigners."""

from mmpose.registry import MODELS

from .backbones import *  # noqa: F403
from .data_preprocessors import *  # noqa: F403
from .grouping import AttentionGrouping
from .heads import *  # noqa: F403
from .losses import *  # noqa: F403
from .necks import *  # noqa: F403
from .pose_estimators import *  # noqa: F403
from .task_modules import *  # noqa: F403

# The tensor core knows no registry, so its one configurable module is registered here.
MODELS.register_module(module=AttentionGrouping)
