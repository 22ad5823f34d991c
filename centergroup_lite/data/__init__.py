r"""Check annotations, and make the config that trains on them.

    # is everything there, and is every annotation right?
    centergroup data check people.json --images photos/ --sizes
    centergroup data check coco --root data/coco

    # a config and a description of the keypoints, from an annotation file
    centergroup data init people.json --images photos/ --val val.json --val-images photos/
    centergroup train my_data.py

    # the same annotations with some of their keypoints
    centergroup data select people.json hands.json --keypoints left_wrist right_wrist

Annotations are in COCO's keypoint format, with any keypoints. The check lists everything that is
wrong, what is filled in without a guess, and what is left out; the files stay as they are. The
sets that are known by name are coco, crowdpose and ochuman.
"""

from .command import main, parse_args

__all__ = ['main', 'parse_args']
