"""Train CenterGroup from scratch on synthetic crowds, evaluate it and draw its predictions.

This is what `make demo` runs.  Ten minutes on two cores:

    python tools/run_demo.py

It writes to --work-dir and --data-root only. A second run uses the same data and starts a new
training.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from matplotlib import cbook
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

import centergroup_mm  # noqa: F401
from centergroup_lite.drawing import write_image
from centergroup_mm.engine.runner import WholeFilesRunner
from centergroup_mm.evaluation.average_precision import ap_by_crowd_level
from centergroup_mm.inference import TorchPredictor, load_model
from centergroup_mm.synthetic import write_dataset
from centergroup_mm.utils.checks import load_config
from centergroup_mm.utils.errors import UserError, run_tool
from centergroup_mm.utils.files import write_whole
from centergroup_mm.utils.memory import keep_freed_memory
from centergroup_mm.visualization import draw_curves, draw_poses, montage

ROOT = Path(__file__).resolve().parents[1]
#: what `centergroup predict` draws: least score of a pose, and of a keypoint
SCORE_THR, VISIBLE_THR = 0.3, 0.5
SETS = (('demo_train', 'demo', 2500, 0), ('demo_val', 'demo', 200, 1), ('full_val', 'full', 200, 2))
# Proposals of each type when crowds are evaluated; training on small groups uses fewer.
CROWD_SLOTS = 30


def parse_args() -> argparse.Namespace:
    """Command line of the demo."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--config', default=str(ROOT / 'configs' / 'centergroup_tiny_synthetic.py'))
    parser.add_argument('--work-dir', default='work_dirs/demo', help='default: %(default)s')
    parser.add_argument('--data-root', default='data/synthetic', help='default: %(default)s')
    parser.add_argument('--max-iters', type=int, help='train shorter or longer than the config')
    parser.add_argument('--num-train', type=int, default=SETS[0][2], help='default: %(default)s')
    parser.add_argument('--num-val', type=int, default=SETS[1][2], help='default: %(default)s')
    parser.add_argument('--pictures', type=int, default=9, help='scenes to draw, default 9')
    return parser.parse_args()


def step(number: int, text: str) -> None:
    """Announce a step."""
    print(f'\n[{number}/4] {text}', flush=True)


def setup_seconds() -> float:
    """How long it took to set up this environment, nan if `make` did not do it."""
    stamp = Path(sys.prefix) / 'centergroup_mm_setup.json'
    return json.loads(stamp.read_text())['setup_seconds'] if stamp.is_file() else float('nan')


class Progress(Hook):
    """One line every 20 iterations instead of mmengine's full log (which is in the work dir)."""

    def before_train(self, runner: Runner) -> None:
        """Start the clock."""
        self.started = time.time()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None):
        """Print iteration, losses and the time left."""
        done, total = runner.iter + 1, runner.max_iters
        if done % 20 and done != total:
            return
        left = (time.time() - self.started) / done * (total - done)
        terms = '  '.join(
            f'{name.removeprefix("loss_")} {outputs[name].item():.3f}'
            for name in ('loss_heatmap', 'loss_center', 'loss_visibility', 'loss_location')
        )
        print(f'  {done:4d}/{total}  {terms}  ({left:.0f} s left)', flush=True)


def prepare(args: argparse.Namespace) -> None:
    """Write those of the three datasets that do not exist yet."""
    size = tuple(load_config(args.config).input_size)
    for name, preset, _, seed in SETS:
        folder = Path(args.data_root) / name
        try:
            write_dataset(
                folder,
                preset=preset,
                num=args.num_train if name == 'demo_train' else args.num_val,
                seed=seed,
                size=size,
                workers=os.cpu_count() or 1,
            )
        except FileExistsError as error:
            raise UserError(
                f'{folder} holds other scenes, perhaps of an older version: remove it, or name '
                'another folder with --data-root'
            ) from error


def demo_config(args: argparse.Namespace) -> Config:
    """The config with the paths and lengths of the command line."""
    cfg = load_config(args.config)
    cfg.work_dir = args.work_dir
    root = args.data_root.rstrip('/') + '/'
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = root
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        evaluator.ann_file = root + 'demo_val/person_keypoints.json'
    if args.max_iters:
        warm_up = max(1, min(50, args.max_iters // 10))
        cfg.merge_from_dict(
            {
                'train_cfg.max_iters': args.max_iters,
                'default_hooks.checkpoint.interval': args.max_iters,
                'param_scheduler.0.end': warm_up,
                'param_scheduler.1.begin': warm_up,
                'param_scheduler.1.end': args.max_iters,
                'param_scheduler.1.T_max': args.max_iters - warm_up,
            }
        )
    cfg.log_level = 'WARNING'
    # The demo evaluates once, at the end, on both kinds of scenes.
    cfg.train_cfg.val_interval = cfg.train_cfg.max_iters + 1
    return cfg


def evaluate(runner: Runner, cfg: Config, name: str) -> tuple[dict, Path]:
    """Stock metric on one dataset; also returns the COCO result file."""
    loader = cfg.test_dataloader.copy()
    loader.dataset.ann_file = f'{name}/person_keypoints.json'
    loader.dataset.data_prefix = dict(img=f'{name}/images/')
    evaluator = cfg.test_evaluator.copy()
    evaluator.ann_file = f'{cfg.test_dataloader.dataset.data_root}{name}/person_keypoints.json'
    evaluator.outfile_prefix = str(Path(cfg.work_dir) / f'{name}_results')
    loop = runner.build_test_loop(dict(type='TestLoop', dataloader=loader, evaluator=evaluator))
    return loop.run(), Path(f'{evaluator.outfile_prefix}.keypoints.json')


def draw(cfg: Config, name: str, results: Path, num: int, meta: dict) -> Path:
    """Draw the first scenes with all poses that have a score of at least 0.3."""
    folder = Path(cfg.test_dataloader.dataset.data_root) / name
    images = json.loads((folder / 'person_keypoints.json').read_text())['images'][:num]
    found: dict[int, list] = {}
    for result in json.loads(results.read_text()):
        if result['score'] >= 0.3:
            found.setdefault(result['image_id'], []).append(result['keypoints'])
    drawn = []
    for entry in images:
        image = cv2.imread(str(folder / 'images' / entry['file_name']))
        poses = np.array(found.get(entry['id'], [])).reshape(-1, len(meta['sigmas']), 3)
        title = f'{entry["file_name"]}: {len(poses)} people'
        drawn.append(
            draw_poses(image, poses[..., :2], poses[..., 2] > 0.3, meta['skeleton_links'], title)
        )
    out = Path(cfg.work_dir) / f'{name}_poses.png'
    write_image(out, montage(drawn, columns=3))
    return out


def main() -> None:
    """Data, training, evaluation, drawings and a summary."""
    args = parse_args()
    keep_freed_memory()
    clock = time.time()
    step(1, f'writing synthetic crowds to {args.data_root} (kept for the next run)')
    prepare(args)
    seconds = dict(setup=setup_seconds(), data=time.time() - clock)

    clock = time.time()
    cfg = demo_config(args)
    step(2, f'training from scratch, {cfg.train_cfg.max_iters} iterations')
    runner = WholeFilesRunner.from_cfg(cfg)
    runner.register_hook(Progress())
    runner.train()
    seconds['training'] = time.time() - clock

    clock = time.time()
    step(3, 'evaluating on held-out scenes of the demo preset and of the full difficulty')
    demo, demo_results = evaluate(runner, cfg, 'demo_val')
    runner.model.head.num_slots = CROWD_SLOTS
    full, full_results = evaluate(runner, cfg, 'full_val')
    meta = cfg_meta(runner)
    crowd = ap_by_crowd_level(
        Path(args.data_root) / 'full_val' / 'person_keypoints.json', full_results, meta['sigmas']
    )
    seconds['evaluation'] = time.time() - clock

    step(4, 'drawing, and the model of the package on a photograph')
    sheets = [
        draw(cfg, 'demo_val', demo_results, args.pictures, meta),
        draw(cfg, 'full_val', full_results, args.pictures, meta),
        draw_curves(cfg.work_dir, Path(cfg.work_dir) / 'losses.png'),
        draw_photograph(Path(cfg.work_dir) / 'photograph_poses.jpg'),
    ]
    summarize(cfg, demo, full, crowd, seconds, sheets)


def draw_photograph(out: Path) -> Path:
    """Poses that the trained model of the package finds in a photograph.

    The photograph is matplotlib's, Rear Admiral Grace Hopper, in the public domain.
    """
    with cbook.get_sample_data('grace_hopper.jpg') as file:
        image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
    predictor = TorchPredictor(load_model())
    clock = time.time()
    poses = predictor.find(image).best(SCORE_THR)
    seconds = time.time() - clock
    visible = poses.keypoint_scores >= VISIBLE_THR
    drawn = draw_poses(image, poses.keypoints, visible, predictor.skeleton, scale=1.0)
    write_image(out, drawn)
    people = len(poses.scores)
    print(f'  {people} {"person" if people == 1 else "people"} in {seconds:.2f} s: {out}')
    return out


def cfg_meta(runner: Runner) -> dict:
    """Sigmas and skeleton of the dataset the model was trained on."""
    return runner.train_dataloader.dataset.metainfo


def summarize(
    cfg: Config, demo: dict, full: dict, crowd: dict, seconds: dict, sheets: list[Path]
) -> None:
    """Write metrics.json and print the table and where everything is."""
    work_dir = Path(cfg.work_dir)
    metrics = dict(demo)
    metrics['full'] = dict(full)
    metrics['full_by_crowd_level'] = {level: number(value) for level, (value, _) in crowd.items()}
    metrics['seconds'] = {key: number(round(value, 1)) for key, value in seconds.items()}
    path = work_dir / 'metrics.json'
    with write_whole(path) as partial:
        partial.write_text(json.dumps(metrics, indent=2) + '\n')
    print('\nAverage precision on scenes the model has never seen')
    print('  scenes                   AP    AP50   AP medium   AP large')
    for label, values in (('demo (1 to 6 people)', demo), ('full (1 to 30 people)', full)):
        keys = ('coco/AP', 'coco/AP .5', 'coco/AP (M)', 'coco/AP (L)')
        ap, ap50, medium, large = (values[key] for key in keys)
        print(f'  {label:22} {ap:6.3f}  {ap50:6.3f}  {medium:10.3f}  {large:9.3f}')
    print('  full by crowd index:', end='')
    print(', '.join(f' {level} {value:.3f} ({n} images)' for level, (value, n) in crowd.items()))
    times = ', '.join(
        f'{key} {value:.0f} s' for key, value in seconds.items() if not math.isnan(value)
    )
    print(f'Time: {times}')
    print('\nLook at:')
    for sheet in sheets:
        print(f'  {sheet}')
    print(f'Numbers: {path}')
    print('Next:')
    print(f'  python tools/test.py {cfg.filename} {last_checkpoint(work_dir)}')
    print('  python tools/train.py configs/centergroup_w32_coco.py   # the real thing, needs COCO')


def number(value: float) -> float | None:
    """A value for JSON, which has no nan: None if it is unknown."""
    return None if math.isnan(value) else value


def last_checkpoint(work_dir: Path) -> str:
    """Path of the checkpoint that mmengine wrote last."""
    return (work_dir / 'last_checkpoint').read_text().strip()


if __name__ == '__main__':
    sys.exit(run_tool(main))
