"""Random views of photographs: scaled, turned, mirrored, recolored and pasted together."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .photographs import Photographs


class Views(NamedTuple):
    """A batch of augmented photographs.

    ========= =============== ==========================================================
    images    [B x 3 x S x S] RGB, 0 to 255
    keypoints [B x N x K x 2] (x, y) in pixels of the view
    labeled   [B x N x K]     bool, labeled and inside
    boxes     [B x N x 4]     (x1, y1, x2, y2), cut at the border; persons first
    ========= =============== ==========================================================
    """

    images: Tensor
    keypoints: Tensor
    labeled: Tensor
    boxes: Tensor


class RandomViews:
    """Draw augmented views on the device where the photographs are.

    Args:
        photographs: where the views come from.
        flip_indices: mirror keypoint of every keypoint, length K.
        side: S of the square views.
        shortest, longest: long side of a photograph in a view, in pixels, drawn uniformly on a
            logarithmic scale.
        whole: share of the views that show the whole photograph as large as it fits.
        rotation: largest angle in degrees, in half of the views.
        paste: share of the views of which a part is another view. It makes scenes with more
            people, who are cut off where the parts meet.
        min_inside: share of a person's box that has to be inside for the person to count.
    """

    def __init__(
        self,
        photographs: Photographs,
        flip_indices: list[int],
        side: int = 512,
        shortest: float = 288,
        longest: float = 900,
        whole: float = 0.3,
        rotation: float = 30.0,
        paste: float = 0.3,
        min_inside: float = 0.2,
    ) -> None:
        self.photographs = photographs
        self.device = photographs.images.device
        self.flip_indices = torch.tensor(flip_indices, device=self.device)
        self.side = side
        self.shortest, self.longest = shortest, longest
        self.whole = whole
        self.rotation = math.radians(rotation)
        self.paste = paste
        self.min_inside = min_inside

    def _uniform(self, shape: int | tuple[int, ...], low: float = 0, high: float = 1) -> Tensor:
        size = (shape,) if isinstance(shape, int) else shape
        return torch.rand(size, device=self.device) * (high - low) + low

    def _matrices(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Affine maps from photographs to views: [B x 2 x 2], [B x 2], and which are mirrored."""
        number = len(index)
        sizes = self.photographs.sizes[index]
        scale = self._uniform(number, math.log(self.shortest), math.log(self.longest)).exp()
        whole = self._uniform(number) < self.whole
        scale = torch.where(whole, float(self.side), scale) / sizes.amax(-1)
        angle = self._uniform(number, -self.rotation, self.rotation)
        angle = angle * (self._uniform(number) < 0.5) * ~whole
        mirrored = self._uniform(number) < 0.5
        cosine, sine = angle.cos() * scale, angle.sin() * scale
        sign = torch.where(mirrored, -1.0, 1.0)
        linear = torch.stack([cosine * sign, -sine, sine * sign, cosine], -1).view(-1, 2, 2)
        middle = self._middles(index)
        # A photograph that does not cover the view lies at the upper left, as at test, or shifted
        # by a little; one that is larger is cut around `middle`.
        covered = scale[:, None] * sizes
        half = torch.full_like(covered, self.side / 2)
        low = half / scale[:, None]
        inside = torch.maximum(torch.minimum(middle, sizes - low), low)
        fits = covered <= self.side
        source = torch.where(fits, sizes / 2, inside)
        shift = self._uniform((number, 2)) ** 3 * (self.side - covered).clamp(min=0)
        target = torch.where(fits, covered / 2 + shift, half)
        return linear, target - (linear @ source[..., None])[..., 0], mirrored

    def _middles(self, index: Tensor) -> Tensor:
        """Where a view is cut out of a photograph [B x 2]: mostly around a person."""
        persons = self.photographs.labeled[index].any(-1).float()
        chosen = torch.multinomial(persons + 1e-6, 1)[:, 0]
        boxes = self.photographs.boxes[index, chosen]
        around = (boxes[:, :2] + boxes[:, 2:]) / 2
        around = around + torch.randn_like(around) * (boxes[:, 2:] - boxes[:, :2]).clamp(min=40)
        anywhere = self._uniform((len(index), 2)) * self.photographs.sizes[index]
        on_person = (self._uniform(len(index)) < 0.7) & persons.any(-1)
        return torch.where(on_person[:, None], around, anywhere)

    def _sample(self, index: Tensor, linear: Tensor, shift: Tensor) -> Tensor:
        """Read the photographs at four points for each pixel of the view, and average them."""
        fine = 2 * self.side
        steps = (torch.arange(fine, device=self.device) + 0.5) / 2
        points = torch.stack(torch.meshgrid(steps, steps, indexing='xy'), -1).view(1, -1, 2)
        inverse = torch.linalg.inv(linear)
        points = (points - shift[:, None]) @ inverse.transpose(1, 2)
        grid = points / self.photographs.images.shape[-1] * 2 - 1
        images = self.photographs.images[index].float()
        views = F.grid_sample(images, grid.view(-1, fine, fine, 2), align_corners=False)
        return F.avg_pool2d(views, 2)

    def _persons(
        self, index: Tensor, linear: Tensor, shift: Tensor, mirrored: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Keypoints, labels and boxes of the photographs' persons in the views."""
        keypoints = self.photographs.keypoints[index]
        keypoints = keypoints @ linear[:, None].transpose(-1, -2) + shift[:, None, None]
        labeled = self.photographs.labeled[index]
        keypoints = torch.where(
            mirrored[:, None, None, None], keypoints[:, :, self.flip_indices], keypoints
        )
        labeled = torch.where(mirrored[:, None, None], labeled[:, :, self.flip_indices], labeled)
        boxes = self.photographs.boxes[index]
        corners = boxes[..., [0, 1, 2, 1, 0, 3, 2, 3]].unflatten(-1, (4, 2))
        corners = corners @ linear[:, None].transpose(-1, -2) + shift[:, None, None]
        low, high = corners.amin(2), corners.amax(2)
        # The box around a turned box is larger than the person: shrink it, but keep the keypoints.
        turned = (linear[:, 0, 1] * linear[:, 1, 1]).abs() * 2 / linear.det().abs()
        excess = (high - low) * (0.09 * turned)[:, None, None]
        far = torch.where(labeled[..., None], keypoints, torch.inf)
        near = torch.where(labeled[..., None], keypoints, -torch.inf)
        low = torch.minimum(low + excess, far.amin(2))
        high = torch.maximum(high - excess, near.amax(2))
        return keypoints, labeled, torch.cat([low, high], -1)

    def _cut(
        self, keypoints: Tensor, labeled: Tensor, boxes: Tensor, region: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Keep what is inside regions [B x 4] (x1, y1, x2, y2)."""
        low, high = region[:, None, :2], region[:, None, 2:]
        inside = ((keypoints >= low[:, None]) & (keypoints < high[:, None])).all(-1)
        cut = torch.cat([boxes[..., :2].maximum(low), boxes[..., 2:].minimum(high)], -1)
        area = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)
        left = (cut[..., 2:] - cut[..., :2]).clamp(min=0).prod(-1)
        counts = left > self.min_inside * area
        return keypoints, labeled & inside & counts[..., None], cut

    def _parts(self, number: int) -> tuple[Tensor, Tensor]:
        """Two rectangles for each view, which share it; the second one is mostly empty."""
        side = float(self.side)
        full = torch.tensor([0.0, 0.0, side, side], device=self.device).repeat(number, 1)
        first, second = full.clone(), full.clone()
        cut = (self._uniform(number, 0.3, 0.7) * side).round()
        across = self._uniform(number) < 0.7
        axis = torch.where(across, 0, 1)
        row = torch.arange(number, device=self.device)
        first[row, 2 + axis] = cut
        second[row, axis] = cut
        swap = (self._uniform(number) < 0.5)[:, None]
        first, second = torch.where(swap, second, first), torch.where(swap, first, second)
        alone = (self._uniform(number) >= self.paste)[:, None]
        return torch.where(alone, full, first), torch.where(alone, full * 0, second)

    def _recolor(self, images: Tensor) -> Tensor:
        """Change contrast, brightness, saturation and color balance; black padding stays black."""
        number = len(images)

        def draw(low: float, high: float, channels: int = 1) -> Tensor:
            return self._uniform((number, channels, 1, 1), low, high)

        padding = (images == 0).all(1, keepdim=True)
        changed = images * draw(0.65, 1.35) + draw(-25, 25)
        gray = changed.mean(1, keepdim=True)
        saturation = draw(0.4, 1.5) * (draw(0, 1) > 0.1)
        changed = (gray + (changed - gray) * saturation) * draw(0.9, 1.1, 3)
        changed = torch.where((draw(0, 1) < 0.85) & ~padding, changed, images)
        return changed.clamp(0, 255).round()

    @torch.no_grad()
    def draw(self, index: Tensor) -> Views:
        """Views of the given photographs [B], of which some get a part of another one."""
        number = len(index)
        others = torch.randint(len(self.photographs.images), (number,), device=self.device)
        parts = []
        regions = self._parts(number)
        for chosen, region in zip((index, others), regions, strict=True):
            linear, shift, mirrored = self._matrices(chosen)
            persons = self._cut(*self._persons(chosen, linear, shift, mirrored), region)
            parts.append((chosen, linear, shift, persons))
        images = self._sample(*parts[0][:3])
        pasted = (regions[1][:, 2] > 0).nonzero()[:, 0]
        if len(pasted):
            theirs = self._sample(*(x[pasted] for x in parts[1][:3]))
            x1, y1, x2, y2 = regions[1][pasted].T[..., None, None]
            steps = torch.arange(self.side, device=self.device) + 0.5
            rows, columns = steps[:, None], steps
            here = (columns > x1) & (columns < x2) & (rows > y1) & (rows < y2)
            images[pasted] = torch.where(here[:, None], theirs, images[pasted])
        merged = (torch.cat(x, 1) for x in zip(parts[0][3], parts[1][3], strict=True))
        return Views(self._recolor(images), *_persons_first(*merged))


def _persons_first(keypoints: Tensor, labeled: Tensor, boxes: Tensor) -> list[Tensor]:
    """Move the slots with persons to the front and drop what no view of the batch needs."""
    counts = labeled.any(-1)
    order = counts.int().argsort(dim=1, descending=True, stable=True)[
        :, : max(1, counts.sum(1).max())
    ]
    row = torch.arange(len(order), device=order.device)[:, None]
    return [values[row, order] for values in (keypoints, labeled, boxes)]
