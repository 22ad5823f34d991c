# HRNet-W48: as W32 with wider branches.
_base_ = ['./hrnet_w32.py']
model = dict(
    backbone=dict(
        extra=dict(
            stage2=dict(num_channels=(48, 96)),
            stage3=dict(num_channels=(48, 96, 192)),
            stage4=dict(num_channels=(48, 96, 192, 384)))))
