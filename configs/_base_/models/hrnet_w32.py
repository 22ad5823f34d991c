# HRNet-W32 with one output at 1/4 of the input.
model = dict(
    # MMPose's inferencer applies its threshold of scores to models of this type alone. The tools
    # of this package replace it by MixedSizePoseEstimator where test batches have several images.
    type='BottomupPoseEstimator',
    data_preprocessor=dict(
        # as PoseDataPreprocessor, and takes the images of a multi-scale test
        type='CenterGroupDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        type='HRNet',
        in_channels=3,
        extra=dict(
            stage1=dict(
                num_modules=1, num_branches=1, block='BOTTLENECK',
                num_blocks=(4, ), num_channels=(64, )),
            stage2=dict(
                num_modules=1, num_branches=2, block='BASIC',
                num_blocks=(4, 4), num_channels=(32, 64)),
            stage3=dict(
                num_modules=4, num_branches=3, block='BASIC',
                num_blocks=(4, 4, 4), num_channels=(32, 64, 128)),
            stage4=dict(
                num_modules=3, num_branches=4, block='BASIC',
                num_blocks=(4, 4, 4, 4), num_channels=(32, 64, 128, 256)))),
    test_cfg=dict(flip_test=True, multiscale_test=False, score_thr=0.0))
