"""The rows of the study: what is built, trained and changed in each."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from .ours import OurGrouping, Regression
from .paper import PaperGrouping
from .tags import TagGrouping


class Row(NamedTuple):
    """One line of a table.

    ======== ===============================================================================
    table    where it is printed
    name     as printed
    method   'snapped' (the detector's own decoding), 'regression', 'tags', 'paper' or 'ours'
    options  of the method
    same_as  a row whose weights it takes; only the options differ then
    size     long side of the photographs at test, in pixels
    few      train on views with at most this many persons
    tuned_as a row whose learning rate it takes; '' to choose its own on held-out photographs
    ======== ===============================================================================
    """

    table: str
    name: str
    method: str
    options: dict = {}
    same_as: str = ''
    size: int = 512
    few: int = 0
    tuned_as: str = ''


#: learning rates to choose from, on held-out photographs
RATES = (2e-3, 6e-3)
#: thresholds of associative embedding to choose from, likewise
KEYPOINT_THRESHOLDS = (0.05, 0.1, 0.2)
TAG_THRESHOLDS = (0.5, 1.0, 1.5)

_PLAIN = dict(transformer=False, position_encoding=False)
_OURS = dict(tuned_as='ours')
_PAPER = dict(tuned_as='paper7')

ROWS = {
    'regression': Row('1', 'one-shot regression', 'regression'),
    'snapped': Row('1', 'row 1: regression moved to detected keypoints', 'snapped'),
    'ae': Row('1', 'row 2: associative embedding', 'tags'),
    'paper3': Row(
        '1',
        'row 3: attention, own type only',
        'paper',
        dict(same_type_only=True, type_encoding=False, **_PLAIN),
        **_PAPER,
    ),
    'paper4': Row(
        '1', 'row 4: + all types', 'paper', dict(type_encoding=False, **_PLAIN), **_PAPER
    ),
    'paper5': Row('1', 'row 5: + type encoding', 'paper', dict(**_PLAIN), **_PAPER),
    'paper6': Row('1', 'row 6: + transformer', 'paper', dict(position_encoding=False), **_PAPER),
    'paper7': Row('1', 'row 7: + position encoding', 'paper'),
    'geometry': Row('1', 'row 7 + geometry', 'paper', dict(geometry=True), **_PAPER),
    'unranked': Row(
        '1', '+ own candidates, two rounds', 'ours', dict(ranking=False), same_as='ours'
    ),
    'ours': Row('1', '+ ranking: the photograph model', 'ours'),
    'table2_row1': Row(
        '2',
        'row 1: score of the heatmap',
        'paper',
        dict(classify_centers=False, visibility=None),
        **_PAPER,
    ),
    'table2_row2': Row('2', 'row 2: centers classified', 'paper', dict(visibility=None), **_PAPER),
    'table2_row3': Row(
        '2', 'row 3: visibility by MLP', 'paper', dict(visibility='center'), **_PAPER
    ),
    'table2_row4': Row('2', 'row 4: visibility by attention', 'paper', same_as='paper7'),
    'ae_position': Row(
        '3',
        'associative embedding with position encoding',
        'tags',
        dict(position_encoding=True),
        tuned_as='ae',
    ),
    'no_geometry': Row(
        '3',
        'the photograph model without geometry',
        'ours',
        dict(decoder=dict(attention=dict(geometry=False))),
        **_OURS,
    ),
    'no_content': Row(
        '3',
        'without embeddings in the attention',
        'ours',
        dict(decoder=dict(attention=dict(content=False))),
        **_OURS,
    ),
    'layers0': Row('3', 'without encoder', 'ours', dict(embedding=dict(num_layers=0)), **_OURS),
    'layers4': Row('3', '4 encoder layers', 'ours', dict(embedding=dict(num_layers=4)), **_OURS),
    'heads1': Row('3', '1 encoder head', 'ours', dict(embedding=dict(num_heads=1)), **_OURS),
    'heads8': Row('3', '8 encoder heads', 'ours', dict(embedding=dict(num_heads=8)), **_OURS),
    'peaks5': Row('3', '5 peaks of each type', 'ours', dict(num_peaks=5), **_OURS),
    'peaks10': Row('3', '10 peaks of each type', 'ours', dict(num_peaks=10), **_OURS),
    'few_people': Row('3', 'trained on views of at most 2 people', 'ours', few=2, **_OURS),
    'greedy': Row('3', 'row 7, greedy matching', 'paper', dict(matching='greedy'), **_PAPER),
    'soft': Row('3', 'row 7, soft location', 'paper', dict(soft=True), same_as='paper7'),
    'paper7_384': Row('3', 'row 7 at 384', 'paper', same_as='paper7', size=384),
    'paper7_640': Row('3', 'row 7 at 640', 'paper', same_as='paper7', size=640),
    'ours_384': Row('3', 'the photograph model at 384', 'ours', same_as='ours', size=384),
    'ours_640': Row('3', 'the photograph model at 640', 'ours', same_as='ours', size=640),
    'snapped_384': Row('3', "the detector's own decoding at 384", 'snapped', size=384),
    'snapped_640': Row('3', "the detector's own decoding at 640", 'snapped', size=640),
}

#: the rows that are trained first, by themselves, to choose learning rates
TUNED = ('paper7', 'ae', 'ours')
METHODS = dict(regression=Regression, tags=TagGrouping, paper=PaperGrouping, ours=OurGrouping)


def build(row: Row, sigmas: list[float], in_channels: int) -> nn.Module | None:
    """The method of a row, untrained; None for the detector's own decoding."""
    if row.method == 'snapped':
        return None
    return METHODS[row.method](list(sigmas), in_channels, **row.options)


def is_trained(row: Row) -> bool:
    """Whether the row has a training of its own."""
    return row.method not in ('snapped', 'regression') and not row.same_as
