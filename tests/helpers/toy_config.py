"""A config of the toy model in the form of the real ones."""

_base_ = ['../../configs/_base_/default_runtime.py']
custom_imports = dict(imports=['centergroup_mm', 'tests.helpers.toy'], allow_failed_imports=False)
model = dict(type='ToyModel')
dataset = dict(type='ToyDataset')
collate = dict(type='default_collate')
train_dataloader = dict(
    batch_size=2,
    dataset=dataset,
    collate_fn=collate,
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=2,
    dataset=dataset,
    collate_fn=collate,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='ToyMetric')
test_evaluator = val_evaluator
optim_wrapper = dict(type='AmpOptimWrapper', optimizer=dict(type='Adam', lr=0.01))
param_scheduler = [dict(type='LinearLR', start_factor=0.1, begin=0, end=4, by_epoch=False)]
auto_scale_lr = dict(base_batch_size=8)
train_cfg = dict(by_epoch=True, max_epochs=2, val_interval=1)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(logger=dict(interval=1))
randomness = dict(seed=0)
