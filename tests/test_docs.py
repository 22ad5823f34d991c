"""README and docs: their links lead somewhere, their commands work, their examples run."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from centergroup_lite.commands import COMMANDS
from centergroup_mm.models.heads.detector import Detector

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / 'README.md'
DOCS = sorted((ROOT / 'docs').glob('*.md'))
#: all other pages: of the root, of projects, and the cards of the models
OTHERS = sorted(
    path
    for pattern in ('*.md', 'projects/**/*.md', 'centergroup_mm/zoo/*.md')
    for path in ROOT.glob(pattern)
    if path != README
)
PAGES = [README, *DOCS, *OTHERS]
MAX_WORDS, MAX_COLUMNS = 1100, 100

every_page = pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code_blocks(page: Path, language: str | None = None) -> list[str]:
    """Texts between fences, of one language or of all."""
    found = re.findall(r'^```(\w*)\n(.*?)^```$', page.read_text(), re.MULTILINE | re.DOTALL)
    return [text for name, text in found if language in (None, name)]


def commands(page: Path) -> list[list[str]]:
    """Words of every command, from blocks and from code inside of lines."""
    text = page.read_text()
    inside = re.findall(r'`([^`]+)`', re.sub(r'^```.*?^```$', '', text, flags=re.M | re.S))
    lines = [' '.join(code.split()) for code in inside]
    for block in code_blocks(page):
        lines += block.replace('\\\n', ' ').splitlines()
    words = [shlex.split(line, comments=True) for line in lines if starts_command(line)]
    return [line[line.index('python') :] if 'python' in line else line for line in words]


def starts_command(line: str) -> bool:
    """Whether a line calls something of the repository."""
    return bool(re.match(r'\s*(python |make \w|torchrun |centergroup \w+ \S)', line))


def tool_calls() -> list:
    """Parameters for every distinct call of a tool or sub-command in README and docs."""
    found = {}
    for page in PAGES:
        for words in commands(page):
            if words[0] == 'centergroup' and words[1].islower():  # NAME stands for one
                found[' '.join(words)] = words
            tools = [index for index, word in enumerate(words) if word.startswith('tools/')]
            if tools:
                found[' '.join(words[tools[0] :])] = words[tools[0] :]
    return [pytest.param(words, id=line[:80]) for line, words in found.items()]


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def test_the_readme_is_short():
    assert len(README.read_text().split()) <= MAX_WORDS


@every_page
def test_lines_fit_outside_of_tables(page):
    lines = enumerate(page.read_text().splitlines(), 1)
    assert [n for n, line in lines if len(line) > MAX_COLUMNS and not line.startswith('|')] == []


@every_page
def test_links_lead_somewhere(page):
    for target in re.findall(r'\]\(([^)\s]+)\)', page.read_text()):
        if '://' in target:
            continue
        name, _, anchor = target.partition('#')
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r'^#+ (.+)$', path.read_text(), re.MULTILINE)
            assert anchor in map(slug, headings), target


@every_page
def test_python_examples_are_python(page):
    for block in code_blocks(page, 'python'):
        compile(block, str(page), 'exec')


def test_every_page_is_in_the_index():
    index = (ROOT / 'docs' / 'README.md').read_text()
    assert [page.name for page in DOCS if f']({page.name})' not in index] == ['README.md']


@pytest.mark.parametrize('words', tool_calls())
def test_tools_take_the_arguments(words, monkeypatch):
    """The tool's own parser reads the command, apart from files that the reader has."""
    if words[0] == 'centergroup':
        module = COMMANDS[words[1]].module
        words = [' '.join(words[:2]), *words[2:]]  # as the command sets sys.argv
        monkeypatch.setattr(sys, 'argv', words)
        parse_args = importlib.import_module(module).parse_args
    else:
        tool = ROOT / words[0]
        assert tool.is_file()
        monkeypatch.setattr(sys, 'argv', words)
        monkeypatch.syspath_prepend(str(tool.parent))
        parse_args = runpy.run_path(str(tool), run_name='tool')['parse_args']
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
        with contextlib.suppress(SystemExit):
            parse_args()
        assert printed.getvalue() == ''
        action = words[1:2] if words[0] == 'centergroup data' else []
        monkeypatch.setattr(sys, 'argv', [words[0], *action, '--help'])
        with pytest.raises(SystemExit):
            parse_args()
    # argparse would also take the beginning of a flag's name
    known = re.findall(r'--[\w-]+', printed.getvalue())
    assert [word for word in words if word.startswith('--') and word not in known] == []


@every_page
def test_configs_and_tests_of_commands_exist(page):
    for words in commands(page):
        for word in words:
            own = word.startswith('configs/my_') or '{' in word
            if re.match(r'(configs|tests|projects)/', word) and not own:
                assert (ROOT / word).exists(), word


@every_page
def test_make_targets_exist(page):
    targets = re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    for words in commands(page):
        if words[0] == 'make':
            assert words[1] in targets, words


def test_configs_of_the_tables_exist():
    """Names with braces and stars stand for several files."""
    rows = re.findall(r'^\| (`[^|]*\.py`[^|]*)\|', README.read_text(), re.MULTILINE)
    names = [name for row in rows for name in re.findall(r'`([^`…]+)`', row)]
    assert len(names) > 5
    for name in names:
        for pattern in expand(name):
            assert list((ROOT / 'configs').glob(pattern)), pattern


def expand(name: str) -> list[str]:
    """``a{b,c}`` -> ``ab`` and ``ac``, several times if need be."""
    match = re.search(r'\{([^}]*)\}', name)
    if match is None:
        return [name]
    return [
        result
        for choice in match[1].split(',')
        for result in expand(name[: match.start()] + choice + name[match.end() :])
    ]


@pytest.fixture(scope='module')
def example() -> type:
    """The detector of docs/architecture.md, registered while the tests of this file run."""
    block = code_blocks(ROOT / 'docs' / 'architecture.md', 'python')[0]
    names: dict = {}
    exec(compile(block, 'architecture.md', 'exec'), names)
    yield names['OneLevelDetector']
    MODELS.module_dict.pop('OneLevelDetector')


def test_the_example_detector_groups(example):
    """It is a detector, and CenterGroupHead makes poses of its maps."""
    init_default_scope('mmpose')
    head = Config.fromfile(ROOT / 'configs' / 'centergroup_tiny_synthetic.py').model.head
    head.detector = dict(type='OneLevelDetector', in_channels=32, num_keypoints=17)
    head = MODELS.build(head).eval()
    assert isinstance(head.detector, Detector)
    with torch.no_grad():
        poses = head([torch.randn(1, 32, 32, 24)])
    assert poses.keypoints.shape[2:] == (17, 2)
    assert poses.valid.any()


def test_the_example_detector_learns(example):
    """Its loss has gradients, and none where the mask is 0."""
    detector = example(in_channels=4, num_keypoints=2)
    sample = PoseDataSample(gt_fields=PixelData())
    sample.gt_fields.set_field([torch.rand(3, 8, 8)], 'heatmaps', dtype=None)
    for value in (0, 1):
        mask = torch.full((8, 8), value)
        sample.gt_fields.set_field([mask], 'heatmap_mask', dtype=None)
        detector.zero_grad()
        loss = detector.map_losses(detector.detect([torch.randn(1, 4, 8, 8)]), [sample])
        loss['loss_heatmap'].backward()
        assert bool(detector.conv.weight.grad.abs().sum() > 0) == bool(value)
