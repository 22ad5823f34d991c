# CenterGroup on a small LiteHRNet. The backbone alone differs from centergroup_tiny_synthetic.py.
_base_ = ['../../../../configs/centergroup_tiny_synthetic.py']

finest = _base_.finest
model = dict(
    backbone=dict(
        _delete_=True,
        type='LiteHRNet',
        in_channels=3,
        # The stock deviation of 0.001 is for training from a checkpoint.
        init_cfg=_base_.model.backbone.init_cfg,
        extra=dict(
            stem=dict(stem_channels=32, out_channels=32, expand_ratio=1),
            num_stages=3,
            stages_spec=dict(
                num_modules=(1, 2, 1),
                num_branches=(2, 3, 4),
                num_blocks=(2, 2, 2),
                module_type=('LITE', 'LITE', 'LITE'),
                with_fuse=(True, True, True),
                reduce_ratios=(8, 8, 8),
                num_channels=(
                    (finest, 2 * finest),
                    (finest, 2 * finest, 4 * finest),
                    (finest, 2 * finest, 4 * finest, 8 * finest),
                ),
            ),
            with_head=True,
        ),
    )
)
