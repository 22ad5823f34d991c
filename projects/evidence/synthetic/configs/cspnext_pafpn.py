# CenterGroup on a small CSPNeXt and PAFPN, the trunk of RTMDet and RTMO.
#
# MMPose's own PAFPN, which can give its finest level alone. Its path back down to coarse levels is
# computed and not used: parameters and times count it.
_base_ = ['../../../../configs/centergroup_tiny_synthetic.py']

finest = _base_.finest
model = dict(
    backbone=dict(
        _delete_=True,
        type='CSPNeXt',
        arch='P5',
        deepen_factor=1 / 6,
        # 128 channels at 1/4 become 32, those of the other models
        widen_factor=finest / 128,
        out_indices=(1, 2, 3, 4),
    ),
    neck=dict(
        type='CSPNeXtPAFPN',
        in_channels=(finest, 2 * finest, 4 * finest, 8 * finest),
        # with a number here MMPose 1.3 builds a module that it cannot run
        out_channels=None,
        out_indices=(0,),
        num_csp_blocks=1,
    ),
)
