"""What the studies of this folder share: precision of resampled images, and the record of a run."""
