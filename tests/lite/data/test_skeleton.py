"""Mirrors and sigmas follow from the names of keypoints, and guesses are called so."""

from __future__ import annotations

import pytest

import centergroup_mm  # noqa: F401
from centergroup_lite.data.skeleton import COCO_SIGMAS, DEFAULT_SIGMA, propose, standard_name
from centergroup_mm.utils.skeleton import read_metainfo

from ...helpers.skeletons import FOURTEEN, mirror_of


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('left_shoulder', 'left_shoulder'),
        ('LShoulder', 'left_shoulder'),
        ('rShoulder', 'right_shoulder'),
        ('shoulder_l', 'left_shoulder'),
        ('Right Shoulder', 'right_shoulder'),
        ('R.Big-Toe', 'right_big_toe'),
        ('leftEye', 'left_eye'),
        ('righteye', 'right_eye'),
        ('Nose', 'nose'),
        ('lip', 'lip'),
        ('left', 'left'),
        ('', ''),
    ],
)
def test_names_in_the_spelling_of_coco(name, expected):
    assert standard_name(name) == expected


def test_the_constants_are_those_of_mmpose():
    skeleton = read_metainfo('CocoDataset')
    theirs = dict(zip(skeleton.names, skeleton.sigmas, strict=True))
    assert theirs == pytest.approx(COCO_SIGMAS)


def test_mirrors_and_sigmas_are_proposed():
    proposal = propose(['Nose', 'LWrist', 'RWrist', 'tail', 'left_horn'], [[1, 2], [1, 3]])
    assert proposal.swaps == ['', 'RWrist', 'LWrist', '', '']
    assert proposal.sigmas == [0.026, 0.062, 0.062, DEFAULT_SIGMA, DEFAULT_SIGMA]
    assert proposal.links == [(0, 1), (0, 2)]
    text = '\n'.join(proposal.guesses)
    assert 'LWrist and RWrist' in text and 'no other side was found for left_horn' in text
    assert "keypoints that are not COCO's: tail, left_horn" in text


@pytest.mark.parametrize(
    ('skeleton', 'links', 'guess'),
    [
        ([[1, 2], [2, 3]], [(0, 1), (1, 2)], ''),
        ([[0, 1], [1, 2]], [(0, 1), (1, 2)], 'numbered from 0'),
        ([[1, 2], [2, 4]], [], 'keypoints that are not there'),
        ([[0, 1], [1, 3]], [], 'keypoints that are not there'),
        ([[1, 2, 3]], [], 'no list of pairs'),
        (7, [], 'no list of pairs'),
        ([], [], 'has no skeleton'),
    ],
)
def test_links_are_numbered_from_1_unless_they_cannot_be(skeleton, links, guess):
    proposal = propose(['left_a', 'b', 'c'], skeleton)
    assert proposal.links == links
    assert guess in proposal.guesses[-1]
    assert ('skeleton' in proposal.guesses[-1]) == bool(guess)


def test_mirrors_are_pairs_also_if_a_name_has_two_spellings():
    proposal = propose(['LWrist', 'left_wrist', 'RWrist'], [])
    assert proposal.swaps == ['', 'RWrist', 'left_wrist']
    assert 'no other side was found for LWrist' in proposal.guesses[1]


def test_names_without_gaps_and_doubles():
    proposal = propose(['a', 'a', ''], [])
    assert proposal.names == ['a', 'a_1', 'keypoint_2']
    assert 'names that were missing, used twice' in proposal.guesses[0]


@pytest.mark.parametrize('name', ['a\nraise SystemExit', 'a\rraise SystemExit', 'a"""\0', "a'b\\"])
def test_names_are_data_and_never_code(tmp_path, name):
    path = tmp_path / 'keypoints.py'
    path.write_text(propose([f'left_{name}', f'right_{name}'], [[1, 2]]).file('mine'))
    found = read_metainfo(dict(from_file=str(path)))
    assert list(found.links) == [(0, 1)]
    assert list(found.flip_indices) == [1, 0]
    assert all(text.isprintable() for text in found.names)


@pytest.mark.parametrize('number', [1, 4, 14, 21, 26])
def test_the_file_is_read_as_it_was_proposed(tmp_path, number):
    names = [*FOURTEEN, *(f'left_finger_{i}' for i in range(6)), *(f'tip_{i}' for i in range(6))]
    proposal = propose(names[:number], [[1, index + 1] for index in range(1, number)])
    path = tmp_path / 'keypoints.py'
    path.write_text(proposal.file('mine'))
    found = read_metainfo(dict(from_file=str(path)))
    assert list(found.names) == names[:number]
    assert found.sigmas == pytest.approx(proposal.sigmas)
    assert list(found.links) == proposal.links
    for index, name in enumerate(found.names):
        other = mirror_of(name)
        expected = names.index(other) if other in names[:number] else index
        assert found.flip_indices[index] == expected
