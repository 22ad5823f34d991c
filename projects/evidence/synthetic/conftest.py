"""Lets the tests find the modules of the study, and of all studies."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
