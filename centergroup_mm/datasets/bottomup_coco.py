"""COCO-style datasets for bottom-up training and testing that leave nothing out silently."""

from __future__ import annotations

import os.path as osp
from collections import defaultdict
from typing import Any

import numpy as np
from mmengine.fileio import get_local_path
from mmengine.logging import print_log
from mmpose.datasets.datasets import CocoDataset, CrowdPoseDataset, OCHumanDataset
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from centergroup_lite.annotations.regions import region_of_box, usable_region

from ..utils.annotation_files import load_file


class BottomupDataset(BaseCocoStyleDataset):
    """MMPose's COCO-style dataset, with checked annotations and every image.

    For files without gaps it gives what ``BaseCocoStyleDataset`` gives. The differences:

    - the annotation file is checked, and repaired where that needs no guess, see
      :func:`centergroup_lite.annotations.read_annotations`: people without ``bbox`` are kept, and
      regions without a mask have their box masked instead of being taught as background
    - annotations of categories without keypoints, such as cars, are no people
    - images without people are trained on: a model has to learn where nobody is
    - images of another size than the file says are refused when they are read
    - one line in the log says how many images, people, joints and crowd regions there are, what
      was repaired and what was left out

    Args:
        keep_empty: also train on images without annotations.
        kwargs: arguments of ``BaseCocoStyleDataset``; ``data_mode`` is ``'bottomup'`` here.

    Raises:
        UserError: the annotations are wrong in a way that cannot be repaired.
    """

    #: the tools check the files of such datasets up front
    CHECKS_ANNOTATIONS = True

    def __init__(self, *args: Any, keep_empty: bool = True, **kwargs: Any) -> None:
        self.keep_empty = keep_empty
        kwargs.setdefault('data_mode', 'bottomup')
        super().__init__(*args, **kwargs)

    def _load_annotations(self) -> tuple[list[dict], list[dict]]:
        """Read the people and the images of the annotation file."""
        with get_local_path(self.ann_file) as path:
            images = self.data_prefix.get('img', '')
            folder = None if '://' in images else images
            number = self._metainfo.get('num_keypoints')
            found = load_file(path, number, sizes_from=folder)
        self._metainfo['CLASSES'] = found.content['categories']
        self._summary = found.summary()
        entries = defaultdict(list)
        for entry in found.content['annotations']:
            entries[entry['image_id']].append(entry)
        images, people = [], []
        for image in found.content['images']:
            if image['id'] % self.sample_interval != 0:
                continue
            image_path = osp.join(self.data_prefix['img'], image['file_name'])
            image = dict(image, img_id=image['id'], img_path=image_path)
            images.append(image)
            for entry in entries[image['id']]:
                people.append(self.parse_data_info(dict(raw_ann_info=entry, raw_img_info=image)))
        return people, images

    def _get_bottomup_data_infos(
        self, instance_list: list[dict], image_list: list[dict]
    ) -> list[dict]:
        """Gather the people of each image, and add images without people."""
        sizes = {image['img_id']: (image['width'], image['height']) for image in image_list}
        invalid = defaultdict(list)
        for person in instance_list:
            if not self._is_valid_instance(person):
                size = sizes[person['img_id']]
                invalid[person['img_id']] += _regions(person, size)
            person['segmentation'] = None  # of no use beyond this
        infos = super()._get_bottomup_data_infos(instance_list, image_list)
        for info in infos:
            info['stated_size'] = sizes[info['img_id']]
            if 'invalid_segs' in info:
                info['invalid_segs'] = invalid[info['img_id']]
        used = {info['img_id'] for info in infos}
        empty = [image for image in image_list if image['img_id'] not in used]
        if self.keep_empty and not self.test_mode:
            infos += [self._empty_info(image) for image in empty]
            empty = []
        self._log(len(infos), len(empty))
        return infos

    def _empty_info(self, image: dict) -> dict:
        """What the pipeline gets for an image without people."""
        number = self._metainfo['num_keypoints']
        info = dict(
            img_id=image['img_id'],
            img_path=image['img_path'],
            stated_size=(image['width'], image['height']),
            bbox=np.zeros((0, 4), np.float32),
            bbox_score=np.zeros(0, np.float32),
            keypoints=np.zeros((0, number, 2), np.float32),
            keypoints_visible=np.zeros((0, number), np.float32),
            area=np.zeros(0, np.float32),
            category_id=np.zeros(0, np.int64),
            invalid_segs=[],
        )
        for name in ('num_keypoints', 'iscrowd', 'segmentation', 'id', 'raw_ann_info'):
            info[name] = []
        if 'crowdIndex' in image:
            info['crowd_index'] = []
        return info

    def _log(self, used: int, left_out: int) -> None:
        """Say once what there is and what of it is used."""
        use = 'tested' if self.test_mode else 'trained on'
        line = f'{self.ann_file}: {self._summary}; {use}: {used:,} images'
        if left_out:
            line += f', {left_out:,} without annotations left out (keep_empty=False)'
        print_log(line, logger='current')


def _regions(person: dict, size: tuple[int, int]) -> list:
    """Regions of a person that cannot be learned from, as polygons or run-length encodings."""
    region = usable_region(person['segmentation'], size)
    if region is None:
        region = [region_of_box(person['raw_ann_info']['bbox'])]
    return [region]


@DATASETS.register_module()
class BottomupCocoDataset(BottomupDataset, CocoDataset):
    """COCO, and other datasets in its format; see :class:`BottomupDataset`."""


@DATASETS.register_module()
class BottomupCrowdPoseDataset(BottomupDataset, CrowdPoseDataset):
    """CrowdPose; see :class:`BottomupDataset`."""


@DATASETS.register_module()
class BottomupOCHumanDataset(BottomupDataset, OCHumanDataset):
    """OCHuman; see :class:`BottomupDataset`."""
