"""MMPose's visualizer with attention, and with heatmaps that lie where they belong."""

from __future__ import annotations

from typing import Any

import cv2
import mmcv
import numpy as np
from mmengine.dist import master_only
from mmengine.structures import PixelData
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample
from mmpose.structures.utils import revert_heatmap
from mmpose.visualization import PoseLocalVisualizer

from ..models.grouping.explanation import Explanation
from .attention import add_caption, draw_attention, draw_heatmaps, draw_proposals, persons_of
from .poses import draw_poses, montage


@VISUALIZERS.register_module()
class CenterGroupVisualizer(PoseLocalVisualizer):
    """Draws like MMPose's ``PoseLocalVisualizer``, and what the grouping did where it is known.

    A model with ``test_cfg.output_attention=True`` hands out what it saw. The picture then has
    panels: detected keypoints and centers, the attention of each center, the poses with one color a
    person, and the heatmaps with ``draw_heatmap``. Other samples are drawn as by the parent, with
    one difference: heatmaps of bottom-up models cover the padded input, and are moved to where the
    image is in it. MMPose does that for top-down models only.

    Args:
        score_thr: centers whose pose has a lower score are drawn as false ones.
        name: of the visualizer.
        layer: number of the layer or round whose attention is drawn, the last by default.
        side: panels of smaller images are enlarged to this long side in pixels.
        kwargs: as of ``PoseLocalVisualizer``.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        *args: Any,
        score_thr: float = 0.3,
        layer: int = -1,
        side: int = 640,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, *args, **kwargs)
        self.score_thr = score_thr
        self.layer = layer
        self.side = side

    @master_only
    def add_datasample(
        self, name: str, image: np.ndarray, data_sample: PoseDataSample, **kwargs: Any
    ) -> np.ndarray:
        """Draw a sample and give the picture to all backends; arguments as of the parent.

        Args:
            name: of the picture.
            image: [H x W x 3] uint8, RGB.
            data_sample: with ``pred_instances``, possibly ``pred_fields`` and the metadata
                ``attention``.
            kwargs: of the parent; with attention ``draw_gt``, ``draw_bbox`` and ``show_kpt_idx``
                change nothing.

        Returns:
            the picture, RGB.
        """
        sample = _with_fitting_heatmaps(data_sample, image.shape[:2])
        found = sample.metainfo.get('attention')
        if found is None or not kwargs.get('draw_pred', True):
            return super().add_datasample(name, image, sample, **kwargs)
        threshold = kwargs.get('kpt_thr', 0.3)
        heatmaps = None
        if kwargs.get('draw_heatmap', False) and 'pred_fields' in sample:
            heatmaps = np.asarray(sample.pred_fields.heatmaps)
        drawn = self._draw_panels(image, sample, found, threshold, heatmaps)
        self.set_image(drawn)
        if kwargs.get('show', False):
            self.show(drawn, win_name=name, wait_time=kwargs.get('wait_time', 0))
        if kwargs.get('out_file') is not None:
            mmcv.imwrite(drawn[..., ::-1], kwargs['out_file'])
        else:
            self.add_image(name, drawn, kwargs.get('step', 0))
        return self.get_image()

    def _draw_panels(
        self,
        image: np.ndarray,
        sample: PoseDataSample,
        found: Explanation,
        threshold: float,
        heatmaps: np.ndarray | None,
    ) -> np.ndarray:
        """The panels side by side, RGB; heatmaps [T x H x W], the center last."""
        scale = max(1.0, self.side / max(image.shape[:2]))
        canvas = image[..., ::-1]
        canvas = cv2.resize(canvas, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        poses = sample.pred_instances
        kept = np.asarray(poses.bbox_scores) >= self.score_thr
        keypoints = np.asarray(poses.keypoints)[kept]
        visible = np.asarray(poses.keypoint_scores)[kept] >= threshold
        persons = persons_of(found, keypoints, self.score_thr)
        links = self.skeleton if self.skeleton is not None else ()
        panels = {
            'keypoints and centers': draw_proposals(canvas, found, scale, persons),
            'attention': draw_attention(canvas, found, scale, persons, threshold, self.layer),
            f'poses: {len(keypoints)}': draw_poses(
                canvas, keypoints * scale, visible, links, scale=1.0
            ),
        }
        if heatmaps is not None:
            size = canvas.shape[1::-1]
            joints, centers = (cv2.resize(m, size) for m in (heatmaps[:-1].max(0), heatmaps[-1]))
            panels['heatmaps'] = draw_heatmaps(canvas, joints, centers)
        pictures = [add_caption(panel, title) for title, panel in panels.items()]
        columns = len(pictures) if image.shape[0] > image.shape[1] else 2
        return np.ascontiguousarray(montage(pictures, columns)[..., ::-1])

    def _draw_instance_heatmap(
        self, fields: PixelData, overlaid_image: np.ndarray | None = None
    ) -> np.ndarray | None:
        """Keypoints in orange and centers in blue, where the last map is that of the center."""
        heatmaps = np.asarray(fields.heatmaps) if 'heatmaps' in fields else None
        kinds = self.dataset_meta.get('num_keypoints')
        if heatmaps is None or overlaid_image is None or len(heatmaps) != (kinds or -1) + 1:
            return super()._draw_instance_heatmap(fields, overlaid_image)
        drawn = draw_heatmaps(overlaid_image[..., ::-1], heatmaps[:-1].max(0), heatmaps[-1])
        return np.ascontiguousarray(drawn[..., ::-1])


def _with_fitting_heatmaps(sample: PoseDataSample, shape: tuple[int, int]) -> PoseDataSample:
    """The sample, or one with heatmaps on the grid of the image of this shape (H, W)."""
    if 'pred_fields' not in sample or 'heatmaps' not in sample.pred_fields:
        return sample
    heatmaps, meta = sample.pred_fields.heatmaps, sample.metainfo
    if tuple(heatmaps.shape[-2:]) == tuple(shape) or 'input_scale' not in meta:
        return sample
    center, scale = (np.asarray(meta[key]) for key in ('input_center', 'input_scale'))
    fitted = PoseDataSample(metainfo=meta)
    fitted.pred_instances = sample.pred_instances
    if 'gt_instances' in sample:
        fitted.gt_instances = sample.gt_instances
    fitted.pred_fields = PixelData(heatmaps=revert_heatmap(heatmaps, center, scale, shape))
    return fitted
