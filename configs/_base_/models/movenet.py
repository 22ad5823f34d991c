# MoveNet MultiPose: MobileNetV2 and a feature pyramid, 4.7 million parameters with its heads.
model = dict(
    type='BottomupPoseEstimator',
    data_preprocessor=dict(
        type='CenterGroupDataPreprocessor',
        # The released graph multiplies by 1/127.5 rounded to half precision and subtracts 1.
        mean=[127.50194552529183] * 3,
        std=[127.50194552529183] * 3,
        bgr_to_rgb=True),
    backbone=dict(type='MoveNetMobileNetV2'),
    neck=dict(type='MoveNetFPN'),
    test_cfg=dict(flip_test=False, multiscale_test=False, score_thr=0.0))
