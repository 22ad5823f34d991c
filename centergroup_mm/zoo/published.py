"""Numbers that others publish for checkpoints that this package can convert.

None of them was measured here. ``centergroup test`` prints the published number beside its own
where config and checkpoint leave no doubt that it is the one to compare with.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from ..checkpoints.convert import KINDS

CHECKPOINT = 'official implementation of CenterGroup, for its checkpoint'
TABLE_1 = 'CenterGroup paper, Table 1, row 2'
TABLE_5 = 'CenterGroup paper, Table 5'
#: annotation file of a test set -> what it is called, and its number of images
TEST_SETS = {
    'person_keypoints_val2017.json': ('COCO val2017', 5000),
    'mmpose_crowdpose_test.json': ('CrowdPose test', 8000),
}


class Published(NamedTuple):
    """A number of other people.

    ========= ===================================================================
    config    stem of the config that is tested
    kind      key of ``checkpoints.convert.KINDS``: what was converted
    converted stem of the config that it was converted for
    ann_file  name of the annotation file of the test set, a key of ``TEST_SETS``
    metric    key of the evaluator's numbers
    value     of the metric, from 0 to 1
    source    who published it, and where
    ========= ===================================================================
    """

    config: str
    kind: str
    converted: str
    ann_file: str
    metric: str
    value: float
    source: str

    def compare(self, metrics: Mapping[str, float], images: int) -> str:
        """Say in one line what was published and what this test gave.

        Args:
            metrics: numbers of the evaluator.
            images: how many were evaluated.
        """
        test_set, number = TEST_SETS[self.ann_file]
        text = f'published, not measured here: {self.metric} {self.value:.3f} on {test_set}'
        text += f' ({self.source})'
        if images != number:
            return f'{text}; this run saw {images} of the {number} images, which cannot be compared'
        own = metrics.get(self.metric)
        if own is None:
            return text
        return f'{text}; this run: {own:.3f}, a difference of {own - self.value:+.3f}'


COCO, CROWDPOSE = TEST_SETS
PUBLISHED: tuple[Published, ...] = (
    *(
        Published(f'centergroup_{width}_coco', 'centergroup', f'centergroup_{width}_coco', COCO,
                  'coco/AP', value, CHECKPOINT)
        for width, value in (('w32', 0.690), ('w48', 0.710))
    ),
    *(
        Published(f'centergroup_w48_crowdpose{test}', 'centergroup', 'centergroup_w48_crowdpose',
                  CROWDPOSE, 'crowdpose/AP', value, source)
        for test, value, source in (
            ('', 0.676, f'{CHECKPOINT}, and {TABLE_5}'), ('_ms', 0.700, TABLE_5)
        )
    ),
    Published('higherhrnet_w32_coco', 'detector', 'higherhrnet_w32_coco', COCO, 'coco/AP', 0.671,
              TABLE_1),
    Published('higherhrnet_w48_crowdpose', 'detector', 'higherhrnet_w48_crowdpose', CROWDPOSE,
              'crowdpose/AP', 0.659, f'{TABLE_5}, from the authors of HigherHRNet'),
)  # fmt: skip


def find_published(config: str, meta: Mapping[str, Any], ann_file: str | None) -> Published | None:
    """Return the number to compare a test with; None if there is any doubt.

    A converted checkpoint says in its ``meta`` which kind of file it was made from and for which
    config. Whether that file was the released one, nobody can tell from its tensors: a checkpoint
    that somebody trained with the official implementation looks the same.

    Args:
        config: path of the config that is tested.
        meta: ``meta`` of the checkpoint.
        ann_file: path of the annotations of the test set.
    """
    origin = meta.get('converted_from')
    if not isinstance(origin, Mapping) or not ann_file:
        return None
    wanted = (PurePath(config).stem, origin.get('kind'), PurePath(str(origin.get('config'))).stem)
    for entry in PUBLISHED:
        if wanted == (entry.config, KINDS[entry.kind], entry.converted):
            return entry if PurePath(ann_file).name == entry.ann_file else None
    return None
