"""The table of models, and the files that are made from it."""

from __future__ import annotations

import re

import pytest

from centergroup_mm import zoo
from centergroup_mm.zoo.metafile import texts
from centergroup_mm.zoo.models import MODELS, PHOTOGRAPHS, find_model

from ..conftest import ROOT


@pytest.mark.parametrize('name', ['configs/metafile.yml', 'model-index.yml'])
def test_the_files_are_those_of_the_table(name):
    made = texts()[name]
    assert (ROOT / name).read_text() == made, 'run `python tools/make_model_index.py`'
    assert (ROOT / 'centergroup_mm/.mim' / name).read_text() == made


def test_names_are_unique_and_lower_case():
    names = [name for model in MODELS for name in (model.name, *model.aliases)]
    assert len(set(names)) == len(names)
    assert names == [name.lower() for name in names]


def test_models_that_share_weights_name_one_that_is_there():
    for model in MODELS:
        if model.shares:
            assert find_model(model.shares).owner == model.owner
        if model.weights:
            assert zoo.weights_of(model.weights).is_file()
        assert (ROOT / 'configs' / f'{model.name}.py').is_file()


def test_every_model_that_is_trained_on_public_data_is_in_the_table():
    names = {path.stem for path in (ROOT / 'configs').glob('*.py')}
    kept_out = {name for name in names if re.search('overfit|tiny|small256|finetune', name)}
    assert names - kept_out == {model.name for model in MODELS}


def test_numbers_of_the_photograph_model_are_those_of_its_card():
    """One row of the card's first table for each config: AP, AP50, AP75, two more, AR."""
    card = (ROOT / 'centergroup_mm/zoo' / f'{PHOTOGRAPHS}.md').read_text()
    rows = re.findall(r'^\| ours[^|]*\|(.*)$', card, re.MULTILINE)
    models = [model for model in MODELS if model.weights == PHOTOGRAPHS]
    assert len(rows) == len(models) == 2
    for row, model in zip(rows, models, strict=True):
        ap, ap50, ap75, _, _, ar = (float(cell) for cell in row.split('|')[:6])
        assert model.results[0].metrics == dict(AP=ap, AP50=ap50, AP75=ap75, AR=ar)


def test_numbers_without_a_command_of_this_repository_are_said_to_be_the_papers():
    for model in MODELS:
        for result in model.results:
            script = re.search(r'^python ([\w/]+\.py)', result.source)
            assert (script and (ROOT / script[1]).is_file()) or 'not measured' in result.source
