"""Compare the gradients of two processes with those of one that sees both of their batches.

    python projects/reliability/gradients.py

The processes are forked and communicate through gloo. Batch normalization uses its stored
statistics, because those of a batch differ between one image and two. The images are drawn scenes:
people in both, people in one of them only, and very different numbers of people.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mmengine.config import Config  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmpose.registry import DATASETS, MODELS  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

import centergroup_mm  # noqa: E402, F401
from centergroup_mm.checkpoints.load import check_model_weights  # noqa: E402
from centergroup_mm.synthetic import write_dataset  # noqa: E402
from centergroup_mm.zoo import weights_of  # noqa: E402

#: config -> its trained weights, because a model that finds nobody has no gradients of its grouping
CONFIGS = {
    'centergroup_small256_synthetic': 'centergroup_small_synthetic',
    'centergroup_movenet_finetune': 'centergroup_movenet_photos',
}


def build(config: str) -> nn.Module:
    """Build the model of a config, the same in each process."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    cfg = Config.fromfile(ROOT / 'configs' / f'{config}.py')
    model = MODELS.build(cfg.model)
    check_model_weights(model, str(weights_of(CONFIGS[config])))
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.Dropout)):
            module.eval()
            module.train = lambda mode=True, module=module: module
    return model.train()


def samples(config: str, folder: Path) -> list[dict]:
    """One sample with few people, one with many, and one without any; always the same."""
    init_default_scope('mmpose')
    write_dataset(folder, 'full', 8, 3, (128, 128), progress=False)
    path = folder / 'person_keypoints.json'
    content = json.loads(path.read_text())
    people = Counter(entry['image_id'] for entry in content['annotations'])
    chosen = [min(people, key=people.get), max(people, key=people.get)]
    chosen.append(next(image['id'] for image in content['images'] if image['id'] not in chosen))
    content['images'] = [image for image in content['images'] if image['id'] in chosen]
    kept = [entry for entry in content['annotations'] if entry['image_id'] in chosen[:2]]
    path.write_text(json.dumps(dict(content, annotations=kept)))
    own = dict(data_root='', ann_file=str(path), data_prefix=dict(img=f'{folder}/images/'))
    cfg = Config.fromfile(ROOT / 'configs' / f'{config}.py')
    dataset = DATASETS.build({**cfg.train_dataloader.dataset, **own})
    found = {}
    for index in range(len(dataset)):
        np.random.seed(0)
        random.seed(0)
        found[dataset.get_data_info(index)['img_id']] = dataset[index]
    return [found[number] for number in chosen]


def gradients(model: nn.Module, batch: Sequence[dict], parallel: bool = False) -> dict[str, Tensor]:
    """Gradients of all losses of a batch.

    Args:
        model: of :func:`build`.
        batch: samples.
        parallel: average them over the processes.
    """
    model.zero_grad()
    data = model.data_preprocessor(pseudo_collate(list(batch)), training=True)
    wrapped = DistributedDataParallel(model, find_unused_parameters=True) if parallel else model
    losses = wrapped(**data, mode='loss')
    loss, _ = model.parse_losses(losses)
    loss.backward()
    return {
        name: value.grad.clone()
        for name, value in model.named_parameters()
        if value.grad is not None
    }


def in_two_processes(config: str, batches: Sequence[Sequence[dict]]) -> dict[str, Tensor]:
    """Gradients that two forked processes have after averaging."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        children = []
        for rank in range(2):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    torch.set_num_threads(1)  # a fork has none of the threads of its parent
                    address = f'tcp://127.0.0.1:{port}'
                    torch.distributed.init_process_group('gloo', address, rank=rank, world_size=2)
                    found = gradients(build(config), batches[rank], parallel=True)
                    torch.save(found, Path(folder, f'{rank}.pth'))
                    torch.distributed.barrier()
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        assert codes == [0, 0], codes
        return torch.load(Path(folder, '0.pth'), weights_only=True)


def difference(config: str, first: Sequence[dict], second: Sequence[dict]) -> float:
    """Largest difference of a gradient, as a share of the norm of all."""
    one = gradients(build(config), [*first, *second])
    two = in_two_processes(config, (first, second))
    norm = torch.stack([value.norm() for value in one.values()]).norm()
    largest = max(float((two[name] - value).norm()) for name, value in one.items() if name in two)
    assert set(one) == set(two)
    return largest / float(norm)


def main() -> None:
    """Print a row for each model and pair of batches."""
    argparse.ArgumentParser(description=__doc__.split('\n\n')[0]).parse_args()
    torch.set_num_threads(1)
    print('| model | people of the two processes | largest difference / norm |')
    print('|---|---|---|')
    for config in CONFIGS:
        with tempfile.TemporaryDirectory() as folder:
            few, many, none = samples(config, Path(folder))
        for first, second, title in (
            (few, many, 'few and many'),
            (many, none, 'many and none'),
            (none, none, 'none and none'),
        ):
            print(
                f'| {config} | {title} | {difference(config, [first], [second]):.1e} |', flush=True
            )


if __name__ == '__main__':
    main()
