"""The study on photographs: rows that differ in grouping alone, on one frozen detector.

    # everything, three seeds: on a GPU in minutes, on two cores over night
    python projects/evidence/photographs/run.py checkpoints/movenet.pth --train TRAIN --dev DEV

    # the reduced study: one seed, fewer views and steps, about half an hour on two cores
    python projects/evidence/photographs/run.py checkpoints/movenet.pth --train TRAIN --dev DEV \
        --reduced

    # one row, or some
    python projects/evidence/photographs/run.py ... --rows ae paper7 ours

TRAIN and DEV are folders with person_keypoints.json (COCO's format) and images/. The detector runs
once on views of the photographs, and all rows are trained on the same views. Every tenth photograph
of TRAIN is held out, to choose learning rates and thresholds. Each row and seed is written to
OUT/results as it ends and is not run again. --report only prints the tables from there, with the
intervals of a paired bootstrap over the photographs, which takes some minutes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
import traceback
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
for folder in (PROJECT, PROJECT.parents[1] / 'photographs'):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import torch  # noqa: E402
from finetune.photographs import load_photographs  # noqa: E402
from finetune.views import RandomViews  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmpose.registry import MODELS  # noqa: E402
from photo_study import report  # noqa: E402
from photo_study.alone import cache_alone, judge  # noqa: E402
from photo_study.precision import numbers  # noqa: E402
from photo_study.proposals import Cache, cache_test, cache_training, take  # noqa: E402
from photo_study.record import described, save_run  # noqa: E402
from photo_study.rows import (  # noqa: E402
    KEYPOINT_THRESHOLDS,
    RATES,
    ROWS,
    TAG_THRESHOLDS,
    TUNED,
    build,
    is_trained,
)
from photo_study.training import evaluate, set_constants, train  # noqa: E402

from centergroup_mm.checkpoints.detector import load_detector  # noqa: E402
from centergroup_mm.utils import checks, cli  # noqa: E402
from centergroup_mm.utils.errors import UserError, run_tool  # noqa: E402
from centergroup_mm.utils.skeleton import read_metainfo  # noqa: E402

CONFIG = 'configs/centergroup_movenet_coco.py'
SIZES = (512, 384, 640)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument('detector', help='weights of MoveNet, or of a model with such a detector')
    parser.add_argument('--train', required=True, metavar='TRAIN')
    parser.add_argument('--dev', required=True, metavar='DEV')
    parser.add_argument('--rows', nargs='+', choices=list(ROWS), default=list(ROWS), metavar='ROW')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--passes', type=int, default=5, help='views of each photograph, default 5')
    parser.add_argument('--steps', type=int, default=450, help='default: %(default)s')
    parser.add_argument('--batch-size', type=int, default=48, help='default: %(default)s')
    parser.add_argument('--max-images', type=int, help='use the first photographs only')
    parser.add_argument('--reduced', action='store_true', help='a seed, 600 photographs, 250 steps')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--jobs', type=int, default=1, help='trainings at a time, default 1')
    parser.add_argument('--stop-after', type=float, default=float('inf'), metavar='SECONDS')
    parser.add_argument('--out', default='work_dirs/evidence_photographs')
    parser.add_argument(
        '--report', action='store_true', help='only print the tables, with intervals'
    )
    args = parser.parse_args()
    if args.reduced:
        args.seeds, args.passes, args.steps, args.batch_size = [0], 2, 250, 24
        args.max_images = args.max_images or 600
    return args


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
    sets = {size: cache_test(model, dev, dev_images, dev_ids, size) for size in SIZES}
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
        return numbers(matches, test.ids)['AP']

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
        tried = []
        for rate in RATES:
            method = self.trained(key, 0, rate)
            for options in self.thresholds(key):
                vars(method).update(options)
                tried.append((self.held_out_precision(method), rate, options))
        best = max(tried, key=lambda entry: entry[0])
        save_run(path, dict(rate=best[1], options=best[2], tried=tried))

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
            if name != key and other.same_as != key:
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
                numbers=numbers(matches, test.ids),
            )
            if method is not None and other.size == 512:
                for how, hungarian in (('alone', False), ('alone, one to one', True)):
                    result[how] = judge(
                        method, self.data['alone'], self.sigmas, self.device, hungarian
                    )
            torch.save(
                [matches.get(index) for index in test.ids],
                self.out / 'matches' / f'{name}_seed{seed}.pt',
            )
            save_run(self.out / 'results' / f'{name}_seed{seed}.json', result)


def _to(values: object, device: torch.device) -> object:
    if isinstance(values, torch.Tensor):
        return values.to(device)
    return type(values)(*(_to(part, device) for part in values))


def list_jobs(args: argparse.Namespace, out: Path) -> list[tuple[str, str, int]]:
    """(action, row, seed) in the order in which they should run."""
    wanted = {ROWS[key].same_as or key for key in args.rows}
    jobs = []
    for seed in args.seeds:
        for key in (key for key in ROWS if key in wanted):
            if seed != args.seeds[0] and not is_trained(ROWS[key]):
                continue
            if not (out / 'results' / f'{key}_seed{seed}.json').is_file():
                jobs.append(('run', key, seed))
    # the main tables of all seeds before what the paper does not ask
    jobs.sort(key=lambda job: (ROWS[job[1]].table == '3', job[2]))
    tuned = {ROWS[key].tuned_as or key for _, key, _ in jobs if is_trained(ROWS[key])}
    return [('tune', key, 0) for key in TUNED if key in tuned] + jobs


def work(args: argparse.Namespace, out: Path, jobs: object, done: object) -> None:
    """Take jobs until there are none, in a process of its own."""
    torch.set_num_threads(max(1, torch.get_num_threads() // args.jobs))
    study = Study(args, out)
    while (job := jobs.get()) is not None:
        action, key, seed = job
        while action == 'run' and is_trained(ROWS[key]):
            if (out / 'tuned' / f'{ROWS[key].tuned_as or key}.json').is_file():
                break
            time.sleep(0.5)  # another process is choosing the learning rate
        try:
            study.tune(key) if action == 'tune' else study.run(key, seed)
            done.put((job, ''))
        except Exception:
            done.put((job, traceback.format_exc()))


def main() -> None:
    """Cache, run what is missing, report."""
    args = parse_args()
    out, start = Path(args.out), time.monotonic()
    for name in ('results', 'tuned', 'matches'):
        (out / name).mkdir(parents=True, exist_ok=True)
    if not args.report:
        make_caches(args, out)
        wanted = list_jobs(args, out)
        context = multiprocessing.get_context('spawn')
        jobs, done = context.Queue(), context.Queue()
        for job in [*wanted, *([None] * args.jobs)]:
            jobs.put(job)
        workers = [
            context.Process(target=work, args=(args, out, jobs, done), daemon=True)
            for _ in range(args.jobs)
        ]
        for worker in workers:
            worker.start()
        for number in range(len(wanted)):
            left = args.stop_after - (time.monotonic() - start)
            try:
                job, error = done.get(timeout=None if left == float('inf') else max(0.1, left))
            except Exception:
                print(f'stopped after {args.stop_after:g} s; the same command goes on')
                break
            took = time.monotonic() - start
            print(f'[{took:5.0f} s] {number + 1} of {len(wanted)}: {job} {error}', flush=True)
        for worker in workers:
            worker.kill()
    print(report.write(out, intervals=args.report))


if __name__ == '__main__':
    sys.exit(run_tool(main))
