"""Everything from the image to the poses as one module with fixed inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..models.grouping import Poses
from ..models.heads import CenterGroupHead, Detection, PointCenterGroupHead
from ..utils.precision import PRECISIONS, autocast
from ..utils.valid_mask import masks_of_boxes


class InferenceGraph(nn.Module):
    """Normalization, backbone, detection, grouping and decoding, flip test included.

    It runs the same stages as ``CenterGroupHead.predict``, on tensors alone, so that it can be
    compiled, traced and exported as one graph. The masks are made from a box that is an input of
    the graph, not from the metadata of the data samples. Both views of a flip test go through the
    backbone as one batch.

    The images of a batch have one input size.

    Images are [B x H x W x 3] with blue first, as OpenCV reads them, so that an application only
    has to resize and pad them.

    Args:
        model: a ``BottomupPoseEstimator`` with a ``CenterGroupHead`` or ``PointCenterGroupHead``;
            its ``test_cfg`` says whether there is a flip test.  It is put into evaluation mode.
        flip_indices: mirror joint of every joint, needed for flip test.
        precision: ``'float32'``, or ``'bfloat16'`` or ``'float16'`` for autocast of
            backbone and detector.  Heatmaps and all that follows them stay float32.

    Raises:
        ValueError: the model has no ``CenterGroupHead``, asks for multi-scale test, or needs flip
            indices that are not given.
    """

    def __init__(
        self,
        model: nn.Module,
        flip_indices: Sequence[int] | None = None,
        precision: str = 'float32',
    ) -> None:
        super().__init__()
        heads = (CenterGroupHead, PointCenterGroupHead)
        if not isinstance(getattr(model, 'head', None), heads):
            raise ValueError(
                'only a model with a CenterGroupHead or PointCenterGroupHead can become one graph'
            )
        test_cfg = model.test_cfg or {}
        if test_cfg.get('multiscale_test', False):
            raise ValueError('one graph has one scale: set model.test_cfg.multiscale_test=False')
        if test_cfg.get('flip_test', False) and flip_indices is None:
            raise ValueError('the flip test needs flip_indices')
        self.at_points = isinstance(model.head, PointCenterGroupHead)
        if self.at_points and test_cfg.get('flip_test', False):
            raise ValueError(
                'one graph of a PointCenterGroupHead has one view: set '
                'model.test_cfg.flip_test=False'
            )
        if precision not in PRECISIONS:
            raise ValueError(f'precision must be one of {", ".join(PRECISIONS)}, got {precision}')
        self.model = model
        self.model.eval()
        self.precision = precision
        preprocessor = model.data_preprocessor
        self.rgb = bool(preprocessor._channel_conversion)
        mean = preprocessor.mean if preprocessor._enable_normalize else torch.zeros(3)
        std = preprocessor.std if preprocessor._enable_normalize else torch.ones(3)
        self.register_buffer('mean', mean.detach().clone().view(-1, 1, 1), persistent=False)
        self.register_buffer('std', std.detach().clone().view(-1, 1, 1), persistent=False)
        flip = None
        if test_cfg.get('flip_test', False):
            flip = torch.as_tensor(list(flip_indices), dtype=torch.int64, device=self.mean.device)
        self.register_buffer('flip_indices', flip, persistent=False)

    @staticmethod
    def blacken(image: Tensor, content: Tensor) -> Tensor:
        """Set what lies beyond the image to 0, as it is in training; arguments of `forward`."""
        _, full = masks_of_boxes(content, (image.shape[1], image.shape[2]))
        return image.float() * full[..., None]

    def normalize(self, image: Tensor) -> Tensor:
        """What the data preprocessor does: [B x H x W x 3] -> [B x 3 x H x W], float32."""
        image = image.permute(0, 3, 1, 2)
        if self.rgb:
            image = image.flip(1)
        return (image.float() - self.mean) / self.std

    def forward(self, image: Tensor, content: Tensor) -> Poses:
        """Poses of a batch in pixels of the network input.

        Args:
            image: [B x H x W x 3], values 0 to 255 of any type, blue, green, red; H and W are
                multiples of 32.
            content: [B x 4] x0, y0, x1, y1 of the image in the padded input, see
                :func:`~centergroup_mm.utils.valid_mask.masks_of_boxes`.

        Returns:
            Poses: C slots for each image, best center first; ``valid`` says which are poses.
        """
        head = self.model.head
        with autocast(self.precision, image.device):
            if self.at_points:
                return head(self.model.extract_feat(self.normalize(self.blacken(image, content))))
            detection, masks = self.detect(image, content)
            return head.decode(detection, masks, self.flip_indices)

    def detect(self, image: Tensor, content: Tensor) -> tuple[Detection, tuple[Tensor, Tensor]]:
        """The first half of :meth:`forward`: merged heatmaps and features, and the masks."""
        x = self.normalize(image)
        masks = masks_of_boxes(content, (image.shape[1], image.shape[2]))
        views = x if self.flip_indices is None else torch.cat([x, x.flip(-1)])
        features = [self.model.extract_feat(views)]
        return self.model.head.detect(features, self.flip_indices), masks
