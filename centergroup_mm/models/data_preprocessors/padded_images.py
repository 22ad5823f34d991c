"""A batch of images of different sizes through which convolutions see each image alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_CONVOLUTIONS = (torch.conv2d, torch.conv_transpose2d)
_FLIPS = (torch.flip, Tensor.flip)


class PaddedImages(Tensor):
    """Images of a batch, padded right and below to a common canvas, or maps made from them.

    A convolution pads an image with zeros at its border.  In a padded batch it would see what
    earlier layers left beyond the border instead, so what one image gives would depend on the
    others.  Here that part is set to zero before every convolution, and every image gives what
    it gives alone.  Layers that look at one cell at a time and upsampling by repetition need
    nothing; pooling and bilinear upsampling are not exact at the border.

    The class also carries the scales of a multi-scale test through MMPose's estimator, which
    stacks a list of inputs although it wants the list: stacking gives the list itself.

    Only :meth:`wrap` makes them; sizes must be multiples of the network's stride.

    ======== ============ =============================================================
    sizes    B of (h, w)  pixels of each image
    canvas   (H, W)       pixels of the padded batch
    mirrored bool         the canvas is mirrored: images end at its right border
    ======== ============ =============================================================
    """

    sizes: tuple[tuple[int, int], ...]
    canvas: tuple[int, int]
    mirrored: bool

    @classmethod
    def wrap(
        cls,
        maps: Tensor,
        sizes: Sequence[tuple[int, int]],
        canvas: tuple[int, int] | None = None,
        mirrored: bool = False,
    ) -> PaddedImages:
        """Make one.

        Args:
            maps: [B x D x h x w]; h and w are the canvas divided by a stride.
            sizes: (h, w) of each image in pixels.
            canvas: (H, W) in pixels; default the size of ``maps``.
            mirrored: whether the canvas is mirrored.
        """
        wrapped = maps.as_subclass(cls)
        wrapped.sizes = tuple(sizes)
        wrapped.canvas = tuple(canvas or maps.shape[-2:])
        wrapped.mirrored = mirrored
        return wrapped

    @property
    def ragged(self) -> bool:
        """Whether an image is smaller than the canvas."""
        return any(size != self.canvas for size in self.sizes)

    def plain(self) -> Tensor:
        """The same values as an ordinary tensor."""
        with torch._C.DisableTorchFunctionSubclass():
            return self.as_subclass(Tensor)

    def masked(self) -> Tensor:
        """An ordinary tensor with zeros beyond every image, [B x D x h x w]."""
        maps = self.plain()
        height, width = maps.shape[-2:]
        stride = self.canvas[0] // height
        row = torch.arange(height, device=maps.device)
        column = torch.arange(width, device=maps.device)
        column = column.flip(0) if self.mirrored else column
        ends = torch.tensor(self.sizes, device=maps.device) // stride  # [B x 2]
        rows = row < ends[:, :1]  # [B x h]
        columns = column < ends[:, 1:]  # [B x w]
        inside = rows[:, None, :, None] & columns[:, None, None, :]
        return torch.where(inside, maps, maps.new_zeros(()))

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Sequence, args: Sequence = (), kwargs: dict | None = None
    ) -> Any:
        """Do what ``func`` does, and keep the sizes with four-dimensional results."""
        if func is torch.stack:
            return [images if images.ragged else images.plain() for images in args[0]]
        source = _first(args)
        if source is None or 'sizes' not in source.__dict__:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        mirrored = source.mirrored
        with torch._C.DisableTorchFunctionSubclass():
            if func in _CONVOLUTIONS and args[0] is source:
                args = (source.masked(), *args[1:])
            result = func(*args, **(kwargs or {}))
            if func in _FLIPS:
                dims = args[1] if isinstance(args[1], (tuple, list)) else args[1:]
                mirrored ^= any(dim in (-1, 3) for dim in dims)
            if isinstance(result, Tensor) and result.dim() == 4:
                return cls.wrap(result, source.sizes, source.canvas, mirrored)
        return result


def _first(values: Sequence) -> PaddedImages | None:
    """The first batch of padded images among arguments, or in a list among them."""
    for value in values:
        if isinstance(value, PaddedImages):
            return value
        if isinstance(value, (list, tuple)) and (found := _first(value)) is not None:
            return found
    return None
