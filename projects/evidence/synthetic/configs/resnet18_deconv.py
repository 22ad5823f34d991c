# CenterGroup on half of a ResNet-18 and three deconvolutions, the trunk of CenterNet.
_base_ = ['../../../../configs/centergroup_tiny_synthetic.py']

# registers the neck of MMDetection
custom_imports = dict(
    imports=['centergroup_mm', 'mmdet.models.necks.ct_resnet_neck'], allow_failed_imports=False
)

finest = _base_.finest
model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        stem_channels=finest,
        base_channels=finest,
        out_indices=(3,),
    ),
    neck=dict(
        type='mmdet.CTResNetNeck',
        in_channels=8 * finest,
        num_deconv_filters=(4 * finest, 2 * finest, finest),
        num_deconv_kernels=(4, 4, 4),
        use_dcn=False,
    ),
)
