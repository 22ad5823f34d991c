"""Matching of detected centers to annotated people (paper, supplement B)."""

from __future__ import annotations

import numpy as np
import torch
from mmpose.registry import TASK_UTILS
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def center_cost(points: Tensor, centers: Tensor, areas: Tensor, falloff: float) -> Tensor:
    """One minus an OKS-like similarity of detected and annotated centers (Eq. 12).

    Args:
        points: detected centers [C x 2].
        centers: annotated centers [N x 2].
        areas: 0.53 * width * height of the annotated persons' boxes [N].
        falloff: the standard deviation, relative to the square root of the area.

    Returns:
        [C x N] in [0, 1], in double precision.
    """
    square = (points.double()[:, None] - centers.double()[None]).square().sum(-1)
    spread = 2 * areas.double().clamp(min=1e-6) * falloff**2
    return 1 - torch.exp(-square / spread)


def match_greedily(cost: np.ndarray, max_cost: float) -> tuple[np.ndarray, np.ndarray]:
    """Take the cheapest remaining pair again and again, as in the official implementation."""
    rows, columns = [], []
    free = cost <= max_cost
    while free.any():
        row, column = np.unravel_index(np.where(free, cost, np.inf).argmin(), cost.shape)
        rows.append(row)
        columns.append(column)
        free[row] = False
        free[:, column] = False
    return np.asarray(rows, dtype=int), np.asarray(columns, dtype=int)


@TASK_UTILS.register_module()
class CenterHungarianAssigner:
    """Bipartite matching of detected centers to annotated persons.

    The defaults of cost, falloff and threshold are those of the official implementation. The
    default algorithm is the Hungarian one, as in the paper. The paper's constants are
    ``falloff=0.15, max_cost=0.5``; the official implementation's algorithm is
    ``matching='greedy'``.

    Args:
        falloff: k of Eq. 12; the official implementation doubles the paper's 0.15.
        max_cost: pairs that cost more are never matched.
        matching: 'hungarian' or 'greedy'.

    Raises:
        ValueError: ``matching`` is neither.
    """

    def __init__(
        self, falloff: float = 0.3, max_cost: float = 0.8, matching: str = 'hungarian'
    ) -> None:
        if matching not in ('hungarian', 'greedy'):
            raise ValueError(f"matching must be 'hungarian' or 'greedy', got {matching!r}")
        self.falloff = falloff
        self.max_cost = max_cost
        self.matching = matching

    @torch.no_grad()
    def assign(self, points: Tensor, valid: Tensor, centers: Tensor, areas: Tensor) -> Tensor:
        """Match the centers of one image.

        Args:
            points: detected centers [C x 2] in input pixels.
            valid: detected centers that take part [C] bool.
            centers: annotated centers [N x 2] in input pixels.
            areas: 0.53 * width * height of their boxes [N] in square pixels.

        Returns:
            [C] int64: the person each center stands for, -1 for none.
        """
        assigned = torch.full((len(points),), -1, dtype=torch.long, device=points.device)
        slots = valid.nonzero()[:, 0]
        if len(slots) == 0 or len(centers) == 0:
            return assigned
        cost = center_cost(points[slots], centers, areas, self.falloff).cpu().numpy()
        if self.matching == 'greedy':
            rows, columns = match_greedily(cost, self.max_cost)
        else:
            # No impossible pair may replace a possible one, and the solver needs finite numbers: a
            # constant above the number of pairs ensures both.
            possible = np.where(cost <= self.max_cost, cost, 1.0 + min(cost.shape))
            rows, columns = linear_sum_assignment(possible)
            kept = cost[rows, columns] <= self.max_cost
            rows, columns = rows[kept], columns[kept]
        rows = torch.as_tensor(rows, dtype=torch.long, device=points.device)
        columns = torch.as_tensor(columns, dtype=torch.long, device=points.device)
        assigned[slots[rows]] = columns
        return assigned
