"""Command lines: flags of the help in random combinations, with values that fit and do not."""

from __future__ import annotations

import random
from pathlib import Path

from .commands import command, process, script
from .material import Material
from .outcome import Case

NUMBERS = ('0', '1', '3', '-1', 'nan', 'inf', '1e9', 'x', '', '0.5', '99999999999999999999')
PATHS = ('out', 'no/such/place', '/proc/nothing', '.', 'file', 'out.json', 'out.jpg', 'ü b.png', '')


def case(rng: random.Random, material: Material) -> Case:
    """One command with up to four flags; every tenth in a process of its own."""
    name = rng.choice(sorted(COMMANDS))
    words, flags = COMMANDS[name]
    given = [_word(word, rng, material) for word in words]
    if rng.random() < 0.15:
        given.pop(rng.randrange(len(given)))
    chosen = rng.sample(sorted(flags), rng.randint(0, min(4, len(flags))))
    for flag in chosen:
        values = flags[flag]
        given += [flag, *([rng.choice(values)] if values else [])]
    if rng.random() < 0.1:
        given.append(rng.choice(('--nothing', '--', '-x', 'more')))
    alone = rng.random() < 0.04

    def run(folder: Path) -> None:
        (folder / 'file').write_text('')
        if name.endswith('.py'):
            script(name, *given)
        else:
            (process if alone else command)(*name.split(), *given)

    shown = ' '.join(Path(word).name if '/' in word else repr(word) for word in given)
    return Case(f'{name} {shown}', run)


def _word(word: str, rng: random.Random, material: Material) -> str:
    """A file of the material, or now and then a wrong one."""
    places = dict(
        IMAGE=material.images[0],
        FOLDER=material.images[0].parent,
        CONFIG=material.config,
        WEIGHTS=material.weights,
        PEOPLE=material.scenes / 'person_keypoints.json',
        SCENES=material.scenes / 'images',
    )
    if rng.random() < 0.1:
        return rng.choice((*PATHS, *map(str, places.values())))
    return str(places.get(word, word))


SCORES = ('--score-thr', '--visible-thr')
#: command -> words and flags with their values
COMMANDS: dict[str, tuple[list[str], dict[str, tuple[str, ...]]]] = {
    'predict': (
        ['IMAGE', '--config', 'CONFIG', '--checkpoint', 'WEIGHTS'],
        {
            '--out': PATHS,
            '--format': ('json', 'coco', 'csv', 'none', 'xml'),
            '--no-draw': (),
            '--annotations': ('file', 'no.json'),
            **dict.fromkeys((*SCORES, '--max-frames'), NUMBERS),
            '--onnx': ('file', 'no.onnx'),
            '--device': ('cpu', 'cuda', 'cuda:7', 'nothing', 'meta', ''),
            '--overwrite': (),
        },
    ),
    'explain': (
        ['IMAGE', '--config', 'CONFIG', '--checkpoint', 'WEIGHTS'],
        {
            '--out': PATHS,
            '--picture': PATHS,
            **dict.fromkeys(SCORES, NUMBERS),
            '--device': ('cpu', 'cuda', 'nothing'),
            '--overwrite': (),
        },
    ),
    'test': (
        ['CONFIG', 'WEIGHTS'],
        {
            '--out': PATHS,
            '--dump': (*PATHS, 'dump.pkl'),
            '--work-dir': PATHS,
            '--show-dir': PATHS,
            '--interval': NUMBERS,
            '--wait-time': NUMBERS,
            '--cfg-options': ('a=1', 'model.test_cfg.flip_test=False', 'x', '=', 'model=3'),
            '--launcher': ('none', 'pytorch', 'slurm', 'mpi', 'x'),
        },
    ),
    'train': (
        ['CONFIG', '--work-dir', 'run'],
        {
            '--resume': (*PATHS, 'no.pth'),
            '--amp': (),
            '--no-validate': (),
            '--auto-scale-lr': (),
            '--show-dir': PATHS,
            '--interval': NUMBERS,
            '--cfg-options': ('train_cfg.max_iters=1', 'randomness.seed=x', 'work_dir=3'),
            '--launcher': ('none', 'pytorch', 'slurm', 'mpi'),
        },
    ),
    'convert': (
        ['WEIGHTS', 'new.pth', '--config', 'CONFIG'],
        {'--overwrite': (), '--verbose': (), '--config': PATHS},
    ),
    'data check': (
        ['PEOPLE', '--images', 'SCENES'],
        {'--sizes': (), '--root': PATHS, '--images': PATHS},
    ),
    'data init': (
        ['PEOPLE', '--images', 'SCENES'],
        {
            '--val': ('file', 'no.json'),
            '--val-images': PATHS,
            '--name': PATHS,
            '--out': PATHS,
            '--overwrite': (),
        },
    ),
    'draw_poses.py': (
        ['CONFIG', 'WEIGHTS', 'FOLDER', 'poses.jpg'],
        {
            **dict.fromkeys((*SCORES, '--num', '--first', '--columns', '--side'), NUMBERS),
            '--device': ('cpu', 'cuda', 'nothing'),
            '--overwrite': (),
        },
    ),
    'make_synthetic.py': (
        ['new', '--num', '2', '--quiet'],
        {
            '--preset': ('demo', 'full', 'x'),
            '--seed': NUMBERS,
            '--num': ('0', '1', '-1', 'x', 'nan'),
            '--format': ('coco', 'crowdpose', 'both', 'x'),
            '--workers': ('0', '1', '-1', 'x'),
            '--overwrite': (),
        },
    ),
    'publish_checkpoint.py': (['WEIGHTS', 'new.pth'], {'--half': (), '--overwrite': ()}),
    'count_parameters.py': (['CONFIG'], {}),
}  # fmt: skip
