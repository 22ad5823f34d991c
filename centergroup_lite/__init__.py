"""What works without torch: the command line, and poses from an exported file.

The command ``centergroup`` starts here, and so does ``python -m centergroup_lite``. Nothing in this
package imports torch, MMPose or ``centergroup_mm`` before a command needs them; help and errors
therefore appear at once, and ``centergroup predict --onnx`` runs where only ONNX Runtime, numpy and
OpenCV are installed. ``centergroup_mm`` uses this package, not the other way around.
"""
