# CrowdPose: trained on train and val, evaluated on test with AP for easy, medium and hard
# images.  The annotation files are MMPose's; the original ones swap width and height.
#
# What a config for COCO changes for it; see centergroup_w32_crowdpose.py.
crowdpose_root = 'data/crowdpose/'
crowdpose_train = dict(
    type='BottomupCrowdPoseDataset',
    data_root=crowdpose_root,
    ann_file='annotations/mmpose_crowdpose_trainval.json',
    data_prefix=dict(img='images/'))
crowdpose_test = dict(crowdpose_train, ann_file='annotations/mmpose_crowdpose_test.json')
crowdpose_metric = dict(
    ann_file=crowdpose_root + crowdpose_test['ann_file'],
    iou_type='keypoints_crowd',
    use_area=False,
    prefix='crowdpose')
