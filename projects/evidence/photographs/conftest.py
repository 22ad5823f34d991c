"""Lets the tests find the project's modules, and those of the photograph model."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'photographs'))
