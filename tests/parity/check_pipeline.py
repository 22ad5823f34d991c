"""`pipeline_*`: from an image to poses, with the whole network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.dataset import pseudo_collate
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, TRANSFORMS
from mmpose.structures import PoseDataSample
from torch import Tensor

from . import check_stages as stages
from .models import build_model, config_of
from .reference import Reference, assert_close

# The description has no figure for features; those that are embedded may differ by 3e-5.
FEATURE = 1e-5


def needed_keys(ref: Reference) -> list[str]:
    """What the check reads."""
    keys = [*stages.needed_keys(ref), 'in/image', 'out/kp_heatmaps_sub2']
    keys += [f'in/resized_s{i}' for i in range(len(stages.scale_order(ref)))]
    outputs = ('person_heatmaps_sub2', 'bu_fmap4_sub', 'bu_fmap2_sub', 'bu_pred4_sub')
    return keys + [f'out/{name}' for name in (*outputs, 'bu_pred2_sub')]


@torch.no_grad()
def check(ref: Reference) -> None:
    """Compare with the file."""
    ref.require(needed_keys(ref))
    size = tuple(ref.meta('input_hw'))
    test_cfg = dict(flip_test=ref.meta('flip'), multiscale_test=ref.meta('multiscale'))
    model = build_model(ref.meta('config'), ref.overrides(), test_config(ref), test_cfg=test_cfg)
    seen = record(model)
    check_sample(predict(model, ref), ref)

    scales = views_by_scale(seen['backbone'], ref)
    features = [(torch.cat(views),) for views in scales]
    detection = model.head.detect(features, stages.flip_indices_of(ref), size)
    maps = detection.maps[0]
    assert_close(maps[:-1, ::2, ::2], ref['out/kp_heatmaps_sub2'], stages.HEATMAP, 'joint maps')
    assert_close(maps[-1:, ::2, ::2], ref['out/person_heatmaps_sub2'], stages.HEATMAP, 'centers')
    for ours, key, atol in (
        (scales[0][0][0][:, ::2, ::2], 'bu_fmap4_sub', FEATURE),
        (seen['finer'][0][0][:8, ::4, ::4], 'bu_fmap2_sub', FEATURE),
        (seen['detector'][0][0][0][:, ::2, ::2], 'bu_pred4_sub', stages.HEATMAP),
        (seen['detector'][0][1][0][:, ::2, ::2], 'bu_pred2_sub', stages.HEATMAP),
    ):
        assert_close(ours, ref[f'out/{key}'], atol, key)
    stages.check_stages(model.head, detection, ref)


def test_config(ref: Reference) -> str:
    """Name of the config whose test pipeline and estimator make the file's views."""
    return ref.meta('config') + ('_ms' if ref.meta('multiscale') else '')


def record(model) -> dict[str, list]:
    """Keep what backbone and detector return; the lists fill while the model runs."""
    seen = dict(backbone=[], finer=[], detector=[])
    modules = dict(
        backbone=model.backbone,
        finer=model.head.detector.deconv_layers[0],
        detector=model.head.detector,
    )
    for key, module in modules.items():
        module.register_forward_hook(
            lambda module, inputs, output, kept=seen[key]: kept.append(output)
        )
    return seen


def predict(model, ref: Reference) -> PoseDataSample:
    """Poses of the file's image through the config's own test pipeline and the estimator."""
    cfg = config_of(test_config(ref))
    dataset = cfg.test_dataloader.dataset
    metainfo = parse_pose_metainfo(DATASETS.get(dataset.type).METAINFO)
    assert metainfo['flip_indices'] == ref.meta('flip_index'), 'the data set has other mirrors'
    pipeline = [dict(step) for step in dataset.pipeline]
    for step in pipeline:
        if 'input_size' in step:
            step['input_size'] = ref.meta('image_size')
    results = dict(
        img=np.ascontiguousarray(ref.array('in/image')[..., ::-1]),  # files hold RGB
        img_path='image.png',
        img_id=0,
        id=[0],
        flip_indices=metainfo['flip_indices'],
    )
    packed = Compose([TRANSFORMS.build(step) for step in pipeline])(results)
    inputs = packed['inputs']
    check_resized(inputs if ref.meta('multiscale') else [inputs], ref)
    return model.test_step(pseudo_collate([packed]))[0]


def check_resized(inputs: Sequence[Tensor], ref: Reference) -> None:
    """Network inputs of all scales, uint8 and to the last bit."""
    for index, image in zip(stages.scale_order(ref), inputs, strict=True):
        theirs = ref[f'in/resized_s{index}'].permute(2, 0, 1).flip(0)
        assert torch.equal(image, theirs), f'resized_s{index} differs'


def check_sample(sample: PoseDataSample, ref: Reference) -> None:
    """Poses as the metric and the visualizer get them."""
    poses = sample.pred_instances
    stages.compare_poses(
        torch.from_numpy(poses.keypoints),
        torch.from_numpy(poses.keypoint_scores),
        torch.from_numpy(poses.bbox_scores),
        ref,
    )


def views_by_scale(outputs: Sequence, ref: Reference) -> list[list[Tensor]]:
    """Features of every scale, of the image and, with flip test, of its mirror."""
    views = 2 if ref.meta('flip') else 1
    features = [output[-1] for output in outputs]
    return [features[i : i + views] for i in range(0, len(features), views)]
