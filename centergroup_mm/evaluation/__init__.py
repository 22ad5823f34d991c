"""Evaluation beyond MMPose's metrics."""
