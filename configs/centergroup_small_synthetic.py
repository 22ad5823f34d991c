# A small CenterGroup for synthetic crowds of the full difficulty: second step, 384 x 384.
#
# Half of these people are less than 60 pixels high; larger inputs place their joints better.
# The model of centergroup_mm/zoo/ comes from here:
#
#   python tools/make_synthetic.py data/synthetic/full_train --preset full --num 10000 --seed 0
#   python tools/make_synthetic.py data/synthetic/full_val --preset full --num 200 --seed 2
#   python tools/train.py configs/centergroup_small256_synthetic.py
#   python tools/train.py configs/centergroup_small_synthetic.py
#   python tools/publish_checkpoint.py work_dirs/centergroup_small_synthetic/iter_1800.pth \
#       centergroup_mm/zoo/centergroup_small_synthetic.pth --half
_base_ = ['./centergroup_small256_synthetic.py']

max_iters = 1800
input_size = (384, 384)
load_from = 'work_dirs/centergroup_small256_synthetic/iter_2200.pth'
load_from_hint = 'train the first step with configs/centergroup_small256_synthetic.py'

codec = dict(
    type='AttentionGroupingCodec', input_size=input_size, sigma=2, mirror_on_grid=False)
model = dict(head=dict(decoder=codec))

load_image, _, mirror, _, *masks = _base_.train_pipeline
train_pipeline = [
    load_image,
    dict(
        type='CenterGroupRandomAffine',
        input_size=input_size,
        shift_prob=1.0,
        shift_factor=0.08,
        scale_factor=(0.75, 1.25),
        rotate_factor=0.0),
    mirror,
    dict(type='GenerateTarget', encoder=codec),
    *masks
]
test_pipeline = [
    load_image,
    dict(type='CenterGroupResize', input_size=input_size),
    _base_.test_pipeline[-1]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.05, by_epoch=False),
    dict(
        type='CosineAnnealingLR', begin=100, end=max_iters, T_max=max_iters - 100,
        eta_min_ratio=0.01, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters // 12))
