"""Read, check and convert checkpoints, those of other programs too."""
