"""The study on photographs: rows that differ in grouping alone, on one frozen detector.

    # everything, three seeds: on a GPU in minutes, on two cores over night
    python projects/evidence/photographs/run.py checkpoints/movenet.pth --train TRAIN --dev DEV

    # the reduced study: one seed, fewer views and steps; 28 minutes on two cores with --jobs 2
    python projects/evidence/photographs/run.py checkpoints/movenet.pth --train TRAIN --dev DEV \
        --reduced

    # one row, or some
    python projects/evidence/photographs/run.py ... --rows ae paper7 ours

TRAIN and DEV are folders with person_keypoints.json (COCO's format) and images/. The detector runs
once on views of the photographs, and all rows are trained on the same views. Every tenth photograph
of TRAIN is held out, to choose learning rates and thresholds. Each row and seed is written to
OUT/results as it ends and is not run again.

    # only the tables of what is there, with the intervals of a paired bootstrap: half a minute
    python projects/evidence/photographs/run.py --report --out projects/evidence/photographs
"""

from __future__ import annotations

import argparse
import multiprocessing
import queue
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent
for folder in (PROJECT, PROJECT.parent, PROJECT.parents[1] / 'photographs'):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import torch  # noqa: E402
from photo_study import report  # noqa: E402
from photo_study.rows import ROWS, TUNED, is_trained  # noqa: E402
from photo_study.study import Study, is_finished, make_caches  # noqa: E402

from centergroup_mm.utils import cli  # noqa: E402
from centergroup_mm.utils.errors import UserError, run_tool  # noqa: E402


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = cli.make_parser(__doc__ or '')
    parser.add_argument(
        'detector', nargs='?', help='weights of MoveNet, or of a model with such a detector'
    )
    parser.add_argument('--train', metavar='TRAIN')
    parser.add_argument('--dev', metavar='DEV')
    parser.add_argument('--rows', nargs='+', choices=list(ROWS), default=list(ROWS), metavar='ROW')
    parser.add_argument('--seeds', nargs='+', type=int, help='default: 0 1 2, reduced only 0')
    parser.add_argument('--passes', type=int, default=5, help='views of each photograph, default 5')
    parser.add_argument('--steps', type=int, default=450, help='default: %(default)s')
    parser.add_argument('--batch-size', type=int, default=48, help='default: %(default)s')
    parser.add_argument('--max-images', type=int, help='use the first photographs only')
    parser.add_argument('--reduced', action='store_true', help='a seed, 600 photographs, 250 steps')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--jobs', type=int, default=1, help='trainings at a time, default 1')
    parser.add_argument('--stop-after', type=float, default=float('inf'), metavar='SECONDS')
    parser.add_argument('--out', help='default: work_dirs/evidence_photographs[_reduced]')
    parser.add_argument(
        '--report', action='store_true', help='only print the tables, with intervals'
    )
    args = parser.parse_args()
    if not (args.report or (args.detector and args.train and args.dev)):
        parser.error('the detector, --train and --dev are needed, except for --report')
    if args.reduced:
        args.passes, args.steps, args.batch_size = 2, 250, 24
        args.max_images = 600
    args.seeds = args.seeds or ([0] if args.reduced else [0, 1, 2])
    if args.out is None:
        args.out = 'work_dirs/evidence_photographs' + ('_reduced' if args.reduced else '')
    return args


def list_jobs(args: argparse.Namespace, out: Path) -> list[tuple[str, str, int]]:
    """(action, row, seed) in the order in which they should run."""
    keys = [key for key in args.rows if ROWS[key].size == 512 or not args.reduced]
    wanted = {ROWS[key].same_as or key for key in keys}
    jobs = []
    for seed in args.seeds:
        for key in (key for key in ROWS if key in wanted):
            if seed != args.seeds[0] and not is_trained(ROWS[key]):
                continue
            if not is_finished(out / 'results' / f'{key}_seed{seed}.json', args):
                jobs.append(('run', key, seed))
    # the main tables of all seeds before what the paper does not ask
    jobs.sort(key=lambda job: (ROWS[job[1]].table == '3', job[2]))
    tuned = {ROWS[key].tuned_as or key for _, key, _ in jobs if is_trained(ROWS[key])}
    return [('tune', key, 0) for key in TUNED if key in tuned] + jobs


def work(args: argparse.Namespace, out: Path, jobs: Any, done: Any, chosen: dict[str, Any]) -> None:
    """Take jobs until there are none, in a process of its own.

    Args:
        args: of the command.
        out: folder of the study.
        jobs: queue of what to do.
        done: queue of what is over: the job, and why it failed or nothing.
        chosen: by row, the event that its learning rate has been looked for.
    """
    torch.set_num_threads(max(1, torch.get_num_threads() // args.jobs))
    study = Study(args, out)
    while (job := jobs.get()) is not None:
        action, key, seed = job
        error, tuned_as = '', ROWS[key].tuned_as or key
        try:
            if action == 'tune':
                study.tune(key)
            elif is_trained(ROWS[key]) and not is_chosen(chosen[tuned_as], out, tuned_as):
                error = f'failed: there is no learning rate of {tuned_as}, see above'
            else:
                study.run(key, seed)
        except Exception:
            error = f'failed: {traceback.format_exc()}'
        if action == 'tune':
            chosen[key].set()
        done.put((job, error))


def is_chosen(event: Any, out: Path, key: str) -> bool:
    """Wait until a learning rate has been looked for, maybe by another process; was one found?"""
    event.wait()
    return (out / 'tuned' / f'{key}.json').is_file()


def next_done(done: Any, workers: Sequence[BaseProcess], until: float) -> tuple | None:
    """Wait for the next job that is over; None if it is not by the given time.

    Raises:
        UserError: a process has ended that should not have.
    """
    while time.monotonic() < until:
        try:
            return done.get(timeout=1)
        except queue.Empty:
            codes = [worker.exitcode for worker in workers if worker.exitcode]
        if codes:
            raise UserError(
                f'a process of the study ended with status {codes[0]} (-9: killed, maybe because '
                'memory ran out). What is done is kept: give the same command, with fewer --jobs'
            )
    return None


def main() -> None:
    """Cache, run what is missing, report; exit status 1 if a part failed."""
    args = parse_args()
    # ends the workers too, which would go on without this process
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    out, until = Path(args.out), time.monotonic() + args.stop_after
    failed = False if args.report else run_missing(args, out, until)
    print(report.write(out, intervals=args.report))
    if failed:
        sys.exit(1)


def run_missing(args: argparse.Namespace, out: Path, until: float) -> bool:
    """Run what has no result yet, and say what is over; returns whether something failed."""
    start, failed = time.monotonic(), False
    out.mkdir(parents=True, exist_ok=True)
    make_caches(args, out)
    wanted = list_jobs(args, out)
    context = multiprocessing.get_context('spawn')
    jobs, done = context.Queue(), context.Queue()
    for job in [*wanted, *([None] * args.jobs)]:
        jobs.put(job)
    chosen = {key: context.Event() for action, key, _ in wanted if action == 'tune'}
    workers = [
        context.Process(target=work, args=(args, out, jobs, done, chosen), daemon=True)
        for _ in range(args.jobs)
    ]
    for worker in workers:
        worker.start()
    for number in range(len(wanted)):
        over = next_done(done, workers, until)
        if over is None:
            print(f'stopped after {args.stop_after:g} s; the same command goes on')
            break
        took, (job, error) = time.monotonic() - start, over
        print(f'[{took:5.0f} s] {number + 1} of {len(wanted)}: {job} {error}', flush=True)
        failed = failed or bool(error)
    for worker in workers:
        worker.kill()
    return failed


if __name__ == '__main__':
    sys.exit(run_tool(main))
