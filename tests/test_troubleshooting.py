"""docs/troubleshooting.md lists messages that the code has."""

from __future__ import annotations

import ast
import functools
import re

import pytest

from .conftest import ROOT

PAGE = ROOT / 'docs' / 'troubleshooting.md'
MESSAGES = re.findall(r'^\| `([^`]+)` \|', PAGE.read_text(), re.MULTILINE)
#: what Python says; a test of the package makes them appear
OTHERS = {"No module named 'mmcv._ext'"}
GAP = '\0'  # where a message has a part that differs


@functools.cache
def texts() -> list[str]:
    """Every text of the package, parts that differ replaced by a gap."""
    found = []
    for folder in ('centergroup_lite', 'centergroup_mm'):
        for path in (ROOT / folder).rglob('*.py'):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    parts = (p.value if isinstance(p, ast.Constant) else GAP for p in node.values)
                    found.append(''.join(parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return found


def fixed_parts(message: str) -> list[str]:
    """What is the same in every instance of a message of the page."""
    parts = re.split(r'…|\b[A-Z]+\b', message)
    return [part.strip() for part in parts if re.search(r'\w', part)]


def prints(message: str) -> bool:
    """Whether the code has a text with these parts in this order."""
    pattern = '.*'.join(map(re.escape, fixed_parts(message)))
    return any(re.search(pattern, text, re.DOTALL) for text in texts())


@pytest.mark.parametrize('message', MESSAGES)
def test_messages_of_the_page_are_those_of_the_code(message):
    assert message in OTHERS or prints(message)


def test_messages_that_nobody_prints_are_found():
    assert not prints('PATH is not a legible image')
    assert len(MESSAGES) > 20
