"""Log files that cannot be written end a run in one line.

Python's logging would print a traceback for every message, and the run would go on without a log.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.visualization import LocalVisBackend
from mmpose.registry import VISBACKENDS

from centergroup_lite.drawing import write_image

from ..utils.files import naming


def end_with_log_file(logger: logging.Logger) -> None:
    """Let a logger raise a UserError if a message cannot be written to its files."""
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            _end_with(handler)


def _end_with(handler: logging.FileHandler) -> None:
    """Replace what a handler does with its errors."""
    usual = handler.handleError

    def handle(record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            with naming(handler.baseFilename):
                raise error
        usual(record)

    handler.handleError = handle  # type: ignore[method-assign]


@VISBACKENDS.register_module()
class StrictVisBackend(LocalVisBackend):
    """mmengine's ``LocalVisBackend``, which raises a UserError if a file cannot be written.

    The arguments are the same, and so are the files.
    """

    def add_config(self, config: Config, **kwargs: Any) -> None:
        """Write the config."""
        with naming(self.experiment._config_save_file):
            super().add_config(config, **kwargs)

    def add_image(self, name: str, image: np.ndarray, step: int = 0, **kwargs: Any) -> None:
        """Write an image [H x W x 3] uint8, RGB."""
        folder = Path(self.experiment._img_save_dir)
        write_image(folder / f'{name}_{step}.png', image[..., ::-1])

    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Append a number to the file of scalars."""
        with naming(self.experiment._scalar_save_file):
            super().add_scalar(name, value, step, **kwargs)

    def add_scalars(
        self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any
    ) -> None:
        """Append numbers to the file of scalars, and to another one if it is named."""
        with naming(Path(self._save_dir, file_path or self.experiment._scalar_save_file)):
            super().add_scalars(scalar_dict, step, file_path, **kwargs)
