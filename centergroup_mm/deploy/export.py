"""``torch.export`` and ONNX of the inference graph, with dynamic batch, height and width."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from mmengine.utils import digit_version

from ..utils.errors import UserError
from ..utils.files import check_target, check_writable, write_whole
from .graph import InferenceGraph
from .half_weights import halve_weights
from .load import example_inputs

try:
    from torch.export import Dim, ExportedProgram
except ImportError:  # the first torch that has both is 2.2
    Dim = None

#: torch 2.6 can export, but cannot write upsampling to a dynamic size
CAN_WRITE_ONNX = Dim is not None and digit_version(torch.__version__) >= digit_version('2.7.0')
#: key of the metadata in an ONNX file
METADATA_KEY = 'centergroup_mm'
INPUTS = ('image', 'content')
OUTPUTS = ('keypoints', 'keypoint_scores', 'scores', 'valid')
_STRIDE = 32  # of the backbone's coarsest branch


def export_program(graph: InferenceGraph) -> ExportedProgram:
    """Export for any batch, and any height and width from 64 pixels that 32 divides.

    Raises:
        UserError: torch is too old for it.
    """
    if Dim is None:
        raise UserError(f'export needs torch 2.6 or newer, this is {torch.__version__}')
    batch = Dim('batch', min=1, max=1024)
    height = _STRIDE * Dim('rows', min=2, max=256)
    width = _STRIDE * Dim('columns', min=2, max=256)
    shapes = ({0: batch, 1: height, 2: width}, {0: batch})
    with torch.no_grad():
        return torch.export.export(graph, example_inputs(), dynamic_shapes=shapes)


def export_onnx(
    program: ExportedProgram,
    path: str | Path,
    metadata: dict[str, Any],
    overwrite: bool = False,
    half_weights: bool = False,
) -> int:
    """Write an exported program as one ONNX file with standard operators only.

    ``image`` [B x H x W x 3] uint8 (blue, green, red) and ``content`` [B x 4] float32 go in;
    ``keypoints`` [B x C x K x 2], ``keypoint_scores`` [B x C x K], ``scores`` [B x C] and
    ``valid`` [B x C] (bool) come out, as documented for ``InferenceGraph``.

    Args:
        program: of :func:`export_program`.
        path: file to write.
        metadata: plain Python, stored as JSON under ``METADATA_KEY``.
        overwrite: replace the file if it is there.
        half_weights: see :func:`~centergroup_mm.deploy.half_weights.halve_weights`.

    Returns:
        the number of weights that half precision has rounded.

    Raises:
        UserError: torch is too old, the ONNX packages are missing, or the file exists or cannot
            be written.
    """
    check_export(path, overwrite)
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f'{error.name} is missing: pip install onnx onnxscript') from error

    loggers = [logging.getLogger(name) for name in ('torch.onnx', 'onnxscript', 'onnx_ir')]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:  # they report every node that is not folded
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            exported = torch.onnx.export(
                program,
                example_inputs(),
                dynamo=True,
                verbose=False,
                external_data=False,
                input_names=list(INPUTS),
                output_names=list(OUTPUTS),
                custom_translation_table={torch.ops.aten.sort.stable: _stable_sort},
            )
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    model = exported.model_proto
    _name_dimensions(model)
    rounded = halve_weights(model) if half_weights else 0
    model.producer_name = 'centergroup_mm'
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(metadata)
    onnx.checker.check_model(model)
    with write_whole(path) as partial:
        onnx.save(model, str(partial))
    return rounded


def check_export(path: str | Path, overwrite: bool) -> None:
    """Raise a UserError, before any work, if no ONNX file can be written there."""
    if not CAN_WRITE_ONNX:
        raise UserError(f'ONNX needs torch 2.7 or newer, this is {torch.__version__}')
    check_target(path, overwrite)
    check_writable(path)


def _stable_sort(values: Any, stable: bool = True, dim: int = -1, descending: bool = False) -> Any:
    """A stable sort in ONNX: TopK of all values, which keeps the order of equal ones."""
    from onnxscript import opset18 as op

    count = op.Gather(op.Shape(values), op.Constant(value_ints=[dim]))
    return op.TopK(values, count, axis=dim, largest=int(descending), sorted=1)


def _name_dimensions(model: Any) -> None:
    """Call the dynamic sizes of inputs and outputs by their names."""
    names = dict(batch='', height='', width='')
    dims = model.graph.input[0].type.tensor_type.shape.dim
    for name, dim in zip(names, dims, strict=False):
        names[name] = dim.dim_param
    renamed = {symbol: name for name, symbol in names.items()}
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in renamed:
                dim.dim_param = renamed[dim.dim_param]
    del model.graph.value_info[:]  # it names the old symbols; readers infer shapes themselves
