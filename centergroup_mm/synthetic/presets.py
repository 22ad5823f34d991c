"""The named difficulty levels of the generator."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """What a set of scenes looks like.

    Attributes:
        name: name, also part of the random seed.
        min_people, max_people: people an image, bounds included.
        people_power: numbers of people are ``min + (max - min + 1) * u ** power`` with a
            uniform u, so that 1 spreads them evenly and more favors small groups.
        min_height, max_height: height of the box around the whole body, before it is cut
            at the image border, as a fraction of the image height.
        clutter: mean number of distractors behind the people.
        occluders: mean number of distractors in front of people.
        crowd_region: probability of an ``iscrowd`` region.
        unlabeled: probability that a person of a group carries no keypoints.
        noise: largest standard deviation of the sensor noise, in gray levels.
        blur: probability of a slight blur.
    """

    name: str
    min_people: int
    max_people: int
    people_power: float
    min_height: float
    max_height: float
    clutter: float
    occluders: float
    crowd_region: float
    unlabeled: float
    noise: float
    blur: float


PRESETS = {
    'full': Preset('full', 1, 30, 2.2, 0.08, 1.25, 11, 1.5, 0.12, 0.04, 7, 0.25),
    'demo': Preset('demo', 1, 6, 1.0, 0.25, 1.55, 8, 0.5, 0.06, 0.03, 4, 0.0),
}


def get_preset(name: str) -> Preset:
    """The preset of that name; a ValueError of one line if there is none."""
    if name not in PRESETS:
        raise ValueError(f'unknown preset {name!r}: choose from {", ".join(PRESETS)}')
    return PRESETS[name]
