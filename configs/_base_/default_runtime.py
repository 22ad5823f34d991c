# Everything that is the same for all models: hooks, logging, visualizer.
default_scope = 'mmpose'
custom_imports = dict(imports=['centergroup_mm'], allow_failed_imports=False)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # 'auto' is the evaluator's first number: coco/AP or crowdpose/AP
    checkpoint=dict(
        type='AtomicCheckpointHook',
        interval=1,
        max_keep_ckpts=3,
        save_best='auto',
        rule='greater'),
    # torch >= 2.6 could not load or resume the checkpoints without it
    plain_checkpoint=dict(type='PlainCheckpointHook'),
    # a resumed run draws the random numbers of one that was never stopped
    randomness=dict(type='RandomnessHook'),
    # stop when a loss is NaN; save before SIGTERM and Ctrl-C end a run
    finite_training=dict(type='FiniteTrainingHook'),
    graceful_stop=dict(type='GracefulStopHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    visualization=dict(type='PoseVisualizationHook', enable=False),
    badcase=dict(
        type='BadCaseAnalysisHook',
        enable=False,
        out_dir='badcase',
        metric_type='loss',
        badcase_thr=5))
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # tools/train.py takes gloo where there is no GPU; a process that does not answer for
    # `timeout` seconds ends the run
    dist_cfg=dict(backend='nccl', timeout=1800))
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='CenterGroupVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True, num_digits=6)
log_level = 'INFO'
load_from = None
resume = False
backend_args = dict(backend='local')
