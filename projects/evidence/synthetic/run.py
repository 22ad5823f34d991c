r"""Other backbones and other methods on synthetic crowds: train, evaluate, time, tabulate.

    # everything, three seeds, eight trainings at a time on a GPU
    python projects/evidence/synthetic/run.py --jobs 8 --device cuda

    # a look: two rows, one seed, short
    python projects/evidence/synthetic/run.py --rows hrnet cid --seeds 0 --iterations 200

    # does a row learn what it is shown? four scenes by heart
    python projects/evidence/synthetic/run.py --rows hrnet cid --seeds 0 --iterations 200 \
        --batch-size 4 --side 128 --num-train 4 --by-heart

Each row and seed is a training of its own, and its numbers are written as soon as it ends. A second
call with the same --out goes on where the first one stopped: finished rows are not run again, and
a training that was interrupted resumes from its last checkpoint. A row that fails does not stop the
others; its reason is in OUT/work/ROW_seedN/log.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
for folder in (PROJECT.parents[2], PROJECT.parent, PROJECT):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from crowd_study.rows import ROWS, Settings  # noqa: E402


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--rows', nargs='+', choices=list(ROWS), default=list(ROWS), metavar='ROW')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--iterations', type=int, default=1000, help='default: %(default)s')
    parser.add_argument('--batch-size', type=int, default=8, help='default: %(default)s')
    parser.add_argument('--num-train', type=int, default=2500, help='default: %(default)s')
    parser.add_argument('--num-val', type=int, default=400, help='default: %(default)s')
    parser.add_argument('--side', type=int, default=256, help='of the scenes, default 256 pixels')
    parser.add_argument('--jobs', type=int, default=1, help='trainings at a time, default 1')
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    parser.add_argument(
        '--out', default='work_dirs/evidence_synthetic', help='default: %(default)s'
    )
    parser.add_argument(
        '--timed-images', type=int, default=30, help='scenes to time at the end; 0: no timing'
    )
    parser.add_argument(
        '--stop-after',
        type=float,
        default=float('inf'),
        metavar='SECONDS',
        help='stop trainings that still run then; the next call resumes them',
    )
    parser.add_argument(
        '--by-heart', action='store_true', help='test on the training scenes instead of new ones'
    )
    args = parser.parse_args()
    if min(args.iterations, args.batch_size, args.num_train, args.num_val, args.jobs) < 1:
        parser.error('--iterations, --batch-size, --num-train, --num-val and --jobs start at 1')
    if args.side < 64 or args.side % 32:
        parser.error(f'--side must be a multiple of 32, at least 64, got {args.side}')
    return args


def run_alone(function: str, log: Path, *args: object) -> None:
    """Call a function of the study in this process, whose output goes to a file.

    Args:
        function: ``train``, ``measure`` or ``draw``.
        log: the file; what is printed is appended.
        args: of the function.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'a', buffering=1) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            if function == 'draw':
                draw(*args)
            elif function == 'measure':
                from crowd_study.timing import measure

                measure(*args)
            else:
                from crowd_study.training import train

                train(*args)
        except BaseException:
            traceback.print_exc()
            sys.exit(1)


def draw(out: Path, sets: dict[str, tuple[int, int]], side: int, workers: int) -> None:
    """Draw the scenes that are not there yet; ``sets`` has the number and the seed of each set."""
    from centergroup_mm.synthetic import write_dataset

    for kind, (number, seed) in sets.items():
        folder = out / 'data' / kind
        write_dataset(folder, 'demo', number, seed, (side, side), workers=workers, progress=False)


def reason(log: Path) -> str:
    """Last line of a log, which names the error."""
    lines = log.read_text(errors='replace').strip().splitlines() if log.is_file() else []
    return f'{lines[-1] if lines else "killed"} (see {log})'


class Pool:
    """Processes that begin afresh, so that none shares a GPU context or a crash with another."""

    def __init__(self, stop_after: float) -> None:
        self.stop_after = stop_after
        self.context = multiprocessing.get_context('spawn')
        self.alive: dict[str, tuple] = {}
        self.failed: list[str] = []
        self.begun = time.time()

    def start(self, label: str, function: str, log: Path, *args: object) -> None:
        """Start a process."""
        # ends with this process, except for drawing, which has processes of its own
        process = self.context.Process(
            target=run_alone, args=(function, log, *args), daemon=function != 'draw'
        )
        process.start()
        self.alive[label] = (process, log)

    def is_late(self) -> bool:
        """Whether the time for trainings is over."""
        return time.time() - self.begun > self.stop_after

    def collect(self, most: int) -> None:
        """Wait until fewer than ``most`` processes live, and tell how the others ended."""
        stopped = False
        while len(self.alive) >= most:
            if self.is_late() and not stopped:
                stopped = True
                for process, _ in self.alive.values():
                    process.terminate()  # which saves a checkpoint first
            for label, (process, log) in list(self.alive.items()):
                if process.is_alive():
                    continue
                del self.alive[label]
                seconds = time.time() - self.begun
                ended = 'done'
                if process.exitcode != 0:
                    self.failed.append(label)
                    ended = f'failed: {reason(log)}'
                print(f'[{seconds:5.0f} s] {label}: {ended}', flush=True)
            time.sleep(0.1)


def finished(path: Path, settings: Settings) -> bool:
    """Whether a result is there that was made with these settings."""
    try:
        run = json.loads(path.read_text())['run']
    except (OSError, ValueError, KeyError):
        return False
    for name in ('iterations', 'batch_size', 'side'):
        if run[name] != getattr(settings, name):
            flag = f'--{name.replace("_", "-")}'
            sys.exit(f'{path} was made with {flag} {run[name]}: give the same, or another --out')
    return True


def main() -> int:
    """Run what is missing; returns 1 if a part failed."""
    args = parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    out = Path(args.out).resolve()
    if args.device == 'cpu':
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    settings = Settings(out, args.iterations, args.batch_size, args.side)
    wanted = [(row, seed) for seed in args.seeds for row in args.rows]
    jobs = [job for job in wanted if not finished(settings.result(*job), settings)]
    pool = Pool(args.stop_after)
    sets = dict(train=(args.num_train, 0), val=(args.num_val, 1))
    if args.by_heart:
        sets['val'] = sets['train']
    given = (out, sets, args.side, os.cpu_count() or 1)
    pool.start('scenes', 'draw', out / 'work' / 'scenes.log', *given)
    pool.collect(1)
    if pool.failed:
        return 1
    for row, seed in jobs:
        pool.collect(args.jobs)
        if pool.is_late():
            pool.failed.append(f'{row}, seed {seed} (not begun)')
            continue
        log = settings.work_dir(row, seed) / 'log'
        pool.start(f'{row}, seed {seed}', 'train', log, row, seed, settings)
    pool.collect(1)
    pool.stop_after = float('inf')
    if args.timed_images:
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
        given = (args.rows, args.seeds[0], settings, args.timed_images)
        pool.start('times', 'measure', out / 'work' / 'times.log', *given)
        pool.collect(1)
    print(f'{len(wanted)} trainings wanted, failed: {", ".join(pool.failed) or "none"}')
    print(f'numbers: {out / "results"}')
    return int(bool(pool.failed))


if __name__ == '__main__':
    sys.exit(main())
