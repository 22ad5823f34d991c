"""Read, check and convert checkpoints, also those of other implementations."""
