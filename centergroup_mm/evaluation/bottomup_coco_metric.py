"""COCO's average precision for checked annotations, whatever their categories are called."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.fileio import get_local_path
from mmengine.logging import MessageHub
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS
from xtcocotools.coco import COCO

from ..utils.annotation_files import load_file
from ..utils.errors import UserError


@METRICS.register_module()
class BottomupCocoMetric(CocoMetric):
    """MMPose's ``CocoMetric`` for models that find people and do not tell categories apart.

    For a file with the one category 1 and without gaps it gives what ``CocoMetric`` gives. The
    differences:

    - the annotation file is checked, and repaired where that needs no guess, see
      :func:`centergroup_lite.annotations.read_annotations`. ``CocoMetric`` counts a person with a
      coordinate or area that is NaN as found.
    - ``CocoMetric`` takes all predictions of bottom-up models for category 1 and gives AP 0 if
      the file's has another id. Here they are of the file's category.
    - people of several categories with keypoints are evaluated together
    - predictions that are not finite end the evaluation

    Args:
        ann_file: the annotation file; default that of the tested dataset.
        kwargs: arguments of ``CocoMetric``.
    """

    #: the tools check the file up front
    CHECKS_ANNOTATIONS = True

    def __init__(self, ann_file: str | None = None, **kwargs: Any) -> None:
        super().__init__(ann_file=None, **kwargs)
        self.ann_file = ann_file
        self.category_id = 1
        if ann_file is not None:
            self.coco = self._read(ann_file)

    def _read(self, ann_file: str) -> COCO:
        """Annotations with all people in one category, whose id becomes ``category_id``."""
        with get_local_path(ann_file) as path:
            found = load_file(path, need_sizes=False)
        category = found.pose_categories[0]
        self.category_id = category['id']
        annotations = [
            dict(entry, category_id=self.category_id) for entry in found.content['annotations']
        ]
        coco = COCO()
        coco.anno_file = [ann_file]  # CrowdPose's evaluation reads the crowd indices once more
        coco.dataset = dict(found.content, categories=[category], annotations=annotations)
        with contextlib.redirect_stdout(io.StringIO()):
            coco.createIndex()
        return coco

    @property
    def dataset_meta(self) -> dict | None:
        """Metainfo of the tested dataset."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        if self.coco is None:
            name = f'{dataset_meta["dataset_name"]}_ann_file'
            ann_file = MessageHub.get_current_instance().get_info(name, None)
            if ann_file is not None:
                self.coco = self._read(ann_file)
        CocoMetric.dataset_meta.fset(self, dataset_meta)

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Keep the predictions of a batch.

        Args:
            data_batch: not used.
            data_samples: with ``id``, ``img_id`` and ``pred_instances``.

        Raises:
            UserError: a prediction is not finite.
        """
        for sample in data_samples:
            for name in ('keypoints', 'keypoint_scores', 'bbox_scores'):
                values = sample['pred_instances'].get(name, 0.0)
                if not np.isfinite(np.asarray(values)).all():
                    raise UserError(
                        f'image {sample["img_id"]}: predicted {name} are not finite, which the '
                        'metric would count as correct; look at the weights of the checkpoint'
                    )
        super().process(data_batch, data_samples)
        for prediction, _ in self.results[len(self.results) - len(data_samples) :]:
            prediction['category_id'] = self.category_id
