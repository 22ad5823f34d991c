"""Images with their predictions drawn, during validation and testing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from mmpose.registry import HOOKS
from mmpose.structures import PoseDataSample, merge_data_samples


@HOOKS.register_module()
class DrawPredictionsHook(Hook):
    """Draw every n-th image of a validation or a test.

    Args:
        out_dir: folder of the drawings, which is made; None to show them only. The drawings of a
            validation are in the folder ``iter_N``, N being the iterations trained.
        interval: draw one image of so many.
        show: show the drawings in a window.
        wait_time: seconds that the window stays.
        kpt_thr: least score of a keypoint that is drawn.
    """

    def __init__(
        self,
        out_dir: str | None = None,
        interval: int = 1,
        show: bool = False,
        wait_time: float = 0.0,
        kpt_thr: float = 0.3,
    ) -> None:
        self.out_dir = None if out_dir is None else Path(out_dir)
        self.interval = interval
        self.show = show
        self.wait_time = wait_time
        self.kpt_thr = kpt_thr
        self._seen = 0

    def before_val(self, runner: Runner) -> None:
        """Count images from the first one of the validation."""
        self._seen = 0

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence = ()
    ) -> None:
        """Draw images of a batch."""
        folder = self.out_dir and self.out_dir / f'iter_{runner.iter}'
        self._draw(outputs, folder, runner.val_evaluator.dataset_meta)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence = ()
    ) -> None:
        """Draw images of a batch."""
        self._draw(outputs, self.out_dir, runner.test_evaluator.dataset_meta)

    def _draw(self, samples: Sequence[PoseDataSample], folder: Path | None, meta: dict) -> None:
        visualizer = Visualizer.get_current_instance()
        visualizer.set_dataset_meta(meta)
        for sample in samples:
            self._seen += 1
            if (self._seen - 1) % self.interval:
                continue
            path = Path(sample.get('img_path'))
            visualizer.add_datasample(
                path.name,
                cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB),
                data_sample=merge_data_samples([sample]),
                draw_gt=False,
                draw_bbox=True,
                show=self.show,
                wait_time=self.wait_time,
                kpt_thr=self.kpt_thr,
                out_file=self._file(folder, path.stem, sample.get('img_id')),
            )

    @staticmethod
    def _file(folder: Path | None, stem: str, image_id: Any) -> str | None:
        """Name a drawing; images of one name in several folders differ in their id."""
        if folder is None:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder / f'{stem}_{image_id}.jpg')
