"""mmengine's runner, all of whose files are there completely or not at all."""

from __future__ import annotations

import os.path as osp
from typing import Any

from mmengine.logging import MMLogger
from mmengine.runner import Runner
from mmengine.visualization import Visualizer

from ..utils.files import write_whole
from .log_files import end_with_log_file
from .storage import write_all_whole


class WholeFilesRunner(Runner):
    """Runs as mmengine's runner does; a file that cannot be written ends the run in one line.

    What a run writes at once, such as metrics, predictions, drawings and its config, is written
    beside its place and renamed. Logs grow, and the line names the one that could not. The
    arguments are those of mmengine's runner.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        write_all_whole()
        super().__init__(*args, **kwargs)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build the logger, whose file has to be written."""
        logger = super().build_logger(*args, **kwargs)
        end_with_log_file(logger)
        return logger

    def build_visualizer(self, visualizer: Visualizer | dict | None = None) -> Visualizer:
        """Build the visualizer, with ``StrictVisBackend`` for mmengine's ``LocalVisBackend``."""
        if isinstance(visualizer, dict):
            for backend in visualizer.get('vis_backends') or ():
                if backend.get('type') in ('LocalVisBackend', 'mmengine.LocalVisBackend'):
                    backend['type'] = 'mmpose.StrictVisBackend'
        return super().build_visualizer(visualizer)

    def dump_config(self) -> None:
        """Write the config to the work dir."""
        name = osp.basename(self.cfg.filename or f'{self.timestamp}.py')
        with write_whole(osp.join(self.work_dir, name)) as partial:
            partial.write_text(self.cfg.dump(), 'utf-8')
