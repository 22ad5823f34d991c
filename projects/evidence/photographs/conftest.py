"""Lets the tests find the modules of the study, of all studies, and of the photograph model."""

import sys
from pathlib import Path

PROJECTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECTS / 'photographs'), str(PROJECTS / 'evidence')]
