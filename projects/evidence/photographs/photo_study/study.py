"""Caching, tuning, training and evaluation of the rows."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from finetune.photographs import load_photographs
from finetune.views import RandomViews
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from study_common.precision import Matches, average_precision, save_matches
from study_common.record import processor_name, save_json, versions

from centergroup_mm.checkpoints.detector import load_detector
from centergroup_mm.utils import checks
from centergroup_mm.utils.errors import UserError
from centergroup_mm.utils.skeleton import read_metainfo

from .alone import cache_alone, judge
from .proposals import Cache, cache_test, cache_training, take
from .rows import KEYPOINT_THRESHOLDS, RATES, ROWS, TAG_THRESHOLDS, build, is_trained
from .training import evaluate, set_constants, train

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = 'configs/centergroup_movenet_coco.py'
SIZES = (512, 384, 640)
#: of the command line, what changes the numbers
SETTINGS = ('passes', 'steps', 'batch_size', 'max_images')
#: images by their number of annotated persons
CROWDS = {'1': (1, 1), '2-4': (2, 4), '5+': (5, 10**6)}


def numbers(matches: Matches) -> dict[str, float]:
    """AP in all, at 0.5 and 0.75, and by the number of people in the image."""
    values = average_precision(matches)
    table = dict(AP=values.mean(), AP50=values[0], AP75=values[5])
    for name, (low, high) in CROWDS.items():
        some = (matches.persons >= low) & (matches.persons <= high)
        table[f'AP, {name} people'] = average_precision(matches, some.astype(int)).mean()
    return {name: float(value) for name, value in table.items()}


def described(args: argparse.Namespace, device: torch.device) -> dict:
    """Versions, processor and settings of a run."""
    return dict(
        versions(),
        processor=processor_name(device),
        threads=None if device.type == 'cuda' else torch.get_num_threads(),
        detector=Path(args.detector).name,
        settings={name: getattr(args, name) for name in SETTINGS},
    )


def is_finished(path: Path, args: argparse.Namespace) -> bool:
    """Whether a result is there; one that was made with other settings is an error."""
    if not path.is_file():
        return False
    settings = json.loads(path.read_text())['settings']
    for name in SETTINGS:
        if settings[name] != getattr(args, name):
            flag = f'--{name.replace("_", "-")}'
            raise UserError(
                f'{path} was made with {flag} {settings[name]}, not {getattr(args, name)}: give '
                'the same settings or another --out'
            )
    return True


def read_data(folder: str, most: int | None) -> tuple[dict, Path, Path]:
    """Content of the annotations, their file, and the folder of the images."""
    file = Path(folder) / 'person_keypoints.json'
    if not file.is_file():
        raise UserError(f'{folder}: there is no person_keypoints.json')
    coco = json.loads(file.read_text())
    coco['images'] = sorted(coco['images'], key=lambda info: info['id'])[:most]
    return coco, file, Path(folder) / 'images'


def make_caches(args: argparse.Namespace, out: Path) -> None:
    """Run the detector on everything, unless it is done."""
    path = out / 'proposals.pt'
    if path.is_file():
        return
    start = time.monotonic()
    torch.manual_seed(0)
    cfg = checks.load_config(str(PROJECT.parents[2] / CONFIG))
    init_default_scope('mmpose')
    model = MODELS.build(cfg.model).eval()
    load_detector(model, args.detector)
    model.to(args.device, memory_format=torch.channels_last)
    coco, file, images = read_data(args.train, args.max_images)
    held_out = [info['id'] for info in coco['images'][::10]]
    ids = [info['id'] for info in coco['images'] if info['id'] not in set(held_out)]
    skeleton = read_metainfo(cfg.model.head.metainfo)
    device = torch.device(args.device)
    photographs = load_photographs(coco, images, ids, skeleton.num_keypoints, device)
    views = RandomViews(photographs, list(skeleton.flip_indices), 512)
    training = cache_training(model, views, args.passes, 48 if device.type == 'cuda' else 8)
    print(f'{len(training.hungarian)} views, {time.monotonic() - start:.0f} s', flush=True)
    dev, dev_file, dev_images = read_data(args.dev, args.max_images)
    dev_ids = [info['id'] for info in dev['images']]
    sizes = SIZES[:1] if args.reduced else SIZES
    sets = {size: cache_test(model, dev, dev_images, dev_ids, size) for size in sizes}
    saved = dict(
        training=training,
        held_out=cache_test(model, coco, images, held_out),
        dev=sets,
        alone=cache_alone(model, dev, dev_images, dev_ids),
        files=dict(held_out=file, dev=dev_file),
        sigmas=list(skeleton.sigmas),
    )
    print(f'photographs, {time.monotonic() - start:.0f} s', flush=True)
    torch.save(saved, f'{path}.partial')
    Path(f'{path}.partial').rename(path)


class Study:
    """Trains and evaluates rows in one process."""

    def __init__(self, args: argparse.Namespace, out: Path) -> None:
        self.args, self.out = args, out
        self.device = torch.device(args.device)
        self.data = torch.load(out / 'proposals.pt', weights_only=False, map_location='cpu')
        self.sigmas = self.data['sigmas']
        self.cache: Cache = self.data['training']
        if self.device.type == 'cuda':
            self.cache = _to(self.cache, self.device)

    def method(self, key: str, seed: int) -> torch.nn.Module | None:
        """An untrained method."""
        torch.manual_seed(seed)
        channels = self.cache.view.features.centers.shape[-1]
        method = build(ROWS[key], self.sigmas, channels)
        return method if method is None else method.to(self.device)

    def held_out_precision(self, method: torch.nn.Module) -> float:
        """AP on the photographs that were held out."""
        test = self.data['held_out']
        matches = evaluate(method, test, self.data['files']['held_out'], self.sigmas, self.device)
        return numbers(matches)['AP']

    def trained(self, key: str, seed: int, rate: float) -> torch.nn.Module:
        """Train a row."""
        row, cache = ROWS[key], self.cache
        method = self.method(key, seed)
        set_constants(method, cache)
        if row.few:
            persons = cache.view.persons.labeled.any(-1).sum(1)
            cache = take(cache, (persons <= row.few).nonzero()[:, 0])
        train(method, cache, self.args.steps, self.args.batch_size, rate, seed, self.device)
        return method

    def tune(self, key: str) -> None:
        """Choose learning rate and thresholds of a row on held-out photographs."""
        path = self.out / 'tuned' / f'{key}.json'
        if path.is_file():
            return
        if self.args.reduced:  # what a full study had chosen before
            kept = json.loads((PROJECT / 'reduced' / 'tuned' / path.name).read_text())
            save_json(path, dict(rate=kept['rate'], options=kept['options']))
            return
        tried = []
        for rate in RATES:
            method = self.trained(key, 0, rate)
            for options in self.thresholds(key):
                vars(method).update(options)
                tried.append((self.held_out_precision(method), rate, options))
        best = max(tried, key=lambda entry: entry[0])
        save_json(path, dict(rate=best[1], options=best[2], tried=tried))

    def thresholds(self, key: str) -> list[dict]:
        """Options of the decoding to choose from."""
        if ROWS[key].method != 'tags':
            return [{}]
        return [
            dict(keypoint_thr=low, tag_thr=far)
            for low in KEYPOINT_THRESHOLDS
            for far in TAG_THRESHOLDS
        ]

    def run(self, key: str, seed: int) -> None:
        """Train and evaluate a row, and the rows that take its weights."""
        row, method, began = ROWS[key], self.method(key, seed), time.monotonic()
        tuned: dict = {}
        if is_trained(row):
            tuned = json.loads((self.out / 'tuned' / f'{row.tuned_as or key}.json').read_text())
            method = self.trained(key, seed, tuned['rate'])
            vars(method).update(tuned['options'])
        own = method
        for name, other in ROWS.items():
            if (name != key and other.same_as != key) or other.size not in self.data['dev']:
                continue
            method = own
            if name != key:
                method = self.method(name, seed)
                method.load_state_dict(own.state_dict())
                method.eval()
            test = self.data['dev'][other.size]
            matches = evaluate(method, test, self.data['files']['dev'], self.sigmas, self.device)
            result = dict(
                described(self.args, self.device),
                row=name,
                seed=seed,
                rate=tuned.get('rate'),
                options=tuned.get('options'),
                seconds=round(time.monotonic() - began, 1),
                numbers=numbers(matches),
            )
            if method is not None and other.size == 512:
                for how, hungarian in (('alone', False), ('alone, one to one', True)):
                    result[how] = judge(
                        method, self.data['alone'], self.sigmas, self.device, hungarian
                    )
            save_matches(self.out / 'matches' / f'{name}_seed{seed}.npz', matches)
            save_json(self.out / 'results' / f'{name}_seed{seed}.json', result)


def _to(values: object, device: torch.device) -> object:
    if isinstance(values, torch.Tensor):
        return values.to(device)
    return type(values)(*(_to(part, device) for part in values))
