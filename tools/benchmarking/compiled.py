"""The compiled model of the benchmark: one graph from image to poses, beside itself uncompiled."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from typing import Any

import torch

from centergroup_mm.deploy.export import Dim
from centergroup_mm.deploy.graph import InferenceGraph
from centergroup_mm.utils.errors import UserError

from .workload import Workload


def compiled_calls(
    work: Workload, size: tuple[int, int], backend: str = 'inductor'
) -> dict[str, Callable[[], Any]]:
    """Predictions of one image with flip test; compiling takes a minute or more.

    Args:
        work: the model; its random weights find people or not, the work is the same.
        size: (w, h) of the network input.
        backend: of ``torch.compile``.

    Returns:
        ``graph_eager`` and ``graph_compiled``, from an uint8 image to poses.

    Raises:
        UserError: torch is too old, or there is no C++ compiler, which it needs for the CPU.
    """
    if Dim is None:  # as old as that, it stops at generators
        raise UserError(f'--compile needs torch 2.6 or newer, this is {torch.__version__}')
    needs_compiler = work.device.type == 'cpu' and backend == 'inductor'
    if needs_compiler and not any(map(shutil.which, ('c++', 'g++', 'clang++'))):
        raise UserError('--compile needs a C++ compiler (c++, g++ or clang++) for the CPU')
    model = copy.deepcopy(work.model)
    model.test_cfg = dict(flip_test=True)
    graph = InferenceGraph(model, work.flip).to(work.device)
    compiled = torch.compile(graph, backend=backend, fullgraph=True, dynamic=True)
    width, height = size
    image = torch.randint(256, (1, height, width, 3), dtype=torch.uint8, device=work.device)
    content = torch.tensor([[0.0, 0.0, width, height]], device=work.device)

    def run(module: Callable[..., Any]) -> Callable[[], Any]:
        def call() -> Any:
            with torch.inference_mode():
                return module(image, content)

        return call

    return dict(graph_eager=run(graph), graph_compiled=run(compiled))
