# A small CenterGroup for synthetic crowds of the full difficulty: first step, 256 x 256.
#
# centergroup_small_synthetic.py starts from its result and has the commands. The run behind the
# model in centergroup_mm/zoo/ was stopped and resumed twice: for the first 1,450 iterations its
# learning rate followed a schedule of 2,900 iterations, and after that one that ends at 2,200.
_base_ = ['./centergroup_tiny_synthetic.py']

max_iters = 2200
train_set, val_set = 'full_train', 'full_val'
val_file = f'{_base_.data_root}{val_set}/person_keypoints.json'

model = dict(
    backbone=dict(
        extra=dict(
            stage2=dict(num_blocks=(2, 2)),
            stage3=dict(num_blocks=(2, 2, 2)),
            stage4=dict(num_blocks=(2, 2, 2, 2)))),
    head=dict(num_slots=30))

train_dataloader = dict(
    dataset=dict(
        ann_file=f'{train_set}/person_keypoints.json',
        data_prefix=dict(img=f'{train_set}/images/')))
val_dataloader = dict(
    dataset=dict(
        ann_file=f'{val_set}/person_keypoints.json', data_prefix=dict(img=f'{val_set}/images/')))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=val_file)
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=200, start_factor=0.05, by_epoch=False),
    dict(
        type='CosineAnnealingLR', begin=200, end=max_iters, T_max=max_iters - 200,
        eta_min_ratio=0.01, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters // 10))
