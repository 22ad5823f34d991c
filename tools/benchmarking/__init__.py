"""What ``tools/benchmark.py`` measures, and how it reports it."""
