"""A trained model as one graph: export, checks and reduced precision.

Nothing here is needed for training, and ``import centergroup_mm`` does not import it; the ONNX
packages (``pip install centergroup-mm[onnx]``) are imported where they are used.
"""

from .graph import PRECISIONS, InferenceGraph

__all__ = ['PRECISIONS', 'InferenceGraph']
