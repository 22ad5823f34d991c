"""From a trained model to one graph: export, check and reduced precision.

Nothing here is needed for training, and ``import centergroup_mm`` does not import it; the ONNX
packages (``pip install centergroup-mm[onnx]``) are imported where they are used.
"""

from .graph import PRECISIONS, InferenceGraph

__all__ = ['PRECISIONS', 'InferenceGraph']
