"""Training of the whole photograph model, detector included, on one GPU."""
