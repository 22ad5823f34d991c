"""Published datasets: their files, and where their owners publish them."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """A file or folder of a dataset.

    ====== ==========================================================================
    path   from the folder of the dataset
    get    what to get, and where its owners publish it
    images folder of the images, for an annotation file; '' for a folder of images
    number of images in a folder, as published; 0 for an annotation file
    ====== ==========================================================================
    """

    path: str
    get: str
    images: str = ''
    number: int = 0


class KnownSet(NamedTuple):
    """A published dataset: its name and its parts."""

    name: str
    parts: tuple[Part, ...]


_COCO = 'from https://cocodataset.org/#download'
_CROWDPOSE = 'from https://github.com/Jeff-sjtu/CrowdPose'
_MMPOSE = "from the page of 2D body datasets in MMPose's documentation (the owners' own files swap \
width and height)"
_OCHUMAN = 'from https://github.com/liruilong940607/OCHumanApi'
_OCHUMAN_FILE = 'annotations/ochuman_coco_format_{}_range_0.00_1.00.json'

SETS: dict[str, KnownSet] = {
    known.name: known
    for known in (
        KnownSet(
            'coco',
            (
                Part('train2017', f'train2017.zip {_COCO}', number=118287),
                Part('val2017', f'val2017.zip {_COCO}', number=5000),
                Part(
                    'annotations/person_keypoints_train2017.json',
                    f'annotations_trainval2017.zip {_COCO}',
                    'train2017',
                ),
                Part(
                    'annotations/person_keypoints_val2017.json',
                    f'annotations_trainval2017.zip {_COCO}',
                    'val2017',
                ),
            ),
        ),
        KnownSet(
            'crowdpose',
            (
                Part('images', f'the images {_CROWDPOSE}', number=20000),
                Part(
                    'annotations/mmpose_crowdpose_trainval.json',
                    f'mmpose_crowdpose_trainval.json {_MMPOSE}',
                    'images',
                ),
                Part(
                    'annotations/mmpose_crowdpose_test.json',
                    f'mmpose_crowdpose_test.json {_MMPOSE}',
                    'images',
                ),
            ),
        ),
        KnownSet(
            'ochuman',
            (
                Part('images', f'the images {_OCHUMAN}', number=4731),
                Part(
                    _OCHUMAN_FILE.format('val'),
                    f'ochuman_coco_format_val_range_0.00_1.00.json {_OCHUMAN}',
                    'images',
                ),
                Part(
                    _OCHUMAN_FILE.format('test'),
                    f'ochuman_coco_format_test_range_0.00_1.00.json {_OCHUMAN}',
                    'images',
                ),
            ),
        ),
    )
}
