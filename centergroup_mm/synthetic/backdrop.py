"""Backgrounds, cloth textures and distractors."""

from functools import lru_cache

import cv2
import numpy as np

from .body import limb_outlines
from .paint import SHIFT, to_canvas

BANK_SIZE = 320
CLOTH_SIZE = 64


@lru_cache(maxsize=1)
def background_bank() -> tuple[np.ndarray, ...]:
    """Twelve gray structures [320, 320] uint8 around 128, the same in every process."""
    rng = np.random.default_rng(2021)
    grid_y, grid_x = np.mgrid[:BANK_SIZE, :BANK_SIZE].astype(np.float32)
    bank = []
    for kind in range(12):
        image = np.zeros((BANK_SIZE, BANK_SIZE), np.float32)
        for octave, weight in ((3, 26), (7, 16), (18, 10), (50, 7), (120, 4)):
            noise = rng.normal(size=(octave, octave)).astype(np.float32)
            noise = cv2.resize(noise, (BANK_SIZE, BANK_SIZE), interpolation=cv2.INTER_CUBIC)
            image += weight * noise
        if kind % 4 == 1:  # bricks or tiles
            high, wide = rng.integers(10, 26), rng.integers(18, 50)
            row = (grid_y // high).astype(int)
            joint = (grid_y % high < 2) | ((grid_x + (row % 2) * wide / 2) % wide < 2)
            image = image * 0.6 - 26 * joint
        elif kind % 4 == 2:  # planks, fences, curtains
            image = image * 0.6 + 18 * np.sin(grid_x / rng.uniform(3, 9)) + 8 * np.sin(grid_x / 2.1)
        elif kind % 4 == 3:  # sky over ground
            horizon = BANK_SIZE * rng.uniform(0.35, 0.6)
            image = image * 0.8 + np.where(grid_y < horizon, 30, -25)
        bank.append(np.clip(image + 128, 0, 255).astype(np.uint8))
    return tuple(bank)


@lru_cache(maxsize=1)
def noise_bank() -> np.ndarray:
    """Normal noise [512, 512] float32 of standard deviation 1, the same in every process."""
    return np.random.default_rng(1789).standard_normal((512, 512), dtype=np.float32)


def grain(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Normal noise [H, W] float32: a random part of the bank, repeated for large images."""
    bank = noise_bank()
    top, left = rng.integers(0, 512, 2)
    rows, columns = np.arange(top, top + height) % 512, np.arange(left, left + width) % 512
    return bank[rows[:, None], columns]


@lru_cache(maxsize=1)
def cloth_bank() -> np.ndarray:
    """Periodic cloth patterns [T, 64, 64] float32, factors on the color; number 0 is plain."""
    rng = np.random.default_rng(1801)
    y, x = np.mgrid[:CLOTH_SIZE, :CLOTH_SIZE].astype(np.float32) * (2 * np.pi / CLOTH_SIZE)
    bank = [np.ones_like(x)]
    for times in (3, 5, 8):
        bank.append(1 + 0.28 * np.sign(np.sin(times * y)))
        bank.append(1 + 0.2 * np.sign(np.sin(times * x)))
        bank.append(1 + 0.18 * np.sign(np.sin(times * x)) + 0.18 * np.sign(np.sin(times * y)))
        bank.append(1 + 0.2 * np.sign(np.sin(times * (x + y))))
        bank.append(1 + 0.3 * (np.sin(times * x) * np.sin(times * y) > 0.5))
        blotch = rng.normal(size=(CLOTH_SIZE, CLOTH_SIZE)).astype(np.float32)
        blotch = cv2.GaussianBlur(np.tile(blotch, (3, 3)), (0, 0), 12 / times)
        blotch = blotch[CLOTH_SIZE : 2 * CLOTH_SIZE, CLOTH_SIZE : 2 * CLOTH_SIZE]
        bank.append(np.clip(1 + 0.16 * blotch / blotch.std(), 0.5, 1.5))
    return np.stack(bank).astype(np.float32)


def paint_background(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A canvas [2H, 2W, 4] uint16 with a background and the code 0 everywhere."""
    bank = background_bank()
    structure = bank[rng.integers(len(bank))]
    crop = int(rng.integers(BANK_SIZE // 3, BANK_SIZE + 1))
    left, top = rng.integers(0, BANK_SIZE - crop + 1, 2)
    structure = structure[top : top + crop, left : left + crop]
    if rng.random() < 0.5:
        structure = structure[:, ::-1]
    structure = cv2.resize(structure, (width, height), interpolation=cv2.INTER_LINEAR)
    # Two colors, of low saturation more often than not, mixed by the structure.
    base = np.clip(rng.uniform(50, 215) + rng.normal(size=3) * 22, 15, 240)
    contrast = rng.uniform(0.4, 1.0) + rng.normal(size=3) * 0.12
    table = np.clip(base + (np.arange(256)[:, None] - 128) * contrast, 0, 255)
    colors = cv2.LUT(cv2.merge([structure] * 3), table.astype(np.uint8)[None])
    canvas = np.zeros((2 * height, 2 * width, 4), np.uint16)
    large = cv2.resize(colors, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    cv2.mixChannels([large.astype(np.uint16)], [canvas], [0, 0, 1, 1, 2, 2])
    return canvas


def paint_thing(
    canvas: np.ndarray,
    rng: np.random.Generator,
    number: int,
    center: np.ndarray,
    size: float,
    skins: np.ndarray,
) -> None:
    """Paint one distractor: a box, a window, a pole, a bush, a ball, a sign or a loose limb.

    Args:
        canvas: [2H, 2W, 4] uint16.
        rng: source of randomness.
        number: what the code channel gets.
        center: [2] image coordinates.
        size: rough extent in pixels.
        skins: [S, 3] skin tones, for things that look like limbs.
    """
    kind = rng.integers(0, 7)
    color = np.clip(rng.uniform(30, 220) + rng.normal(size=3) * 35, 5, 250)

    def fill(points: np.ndarray, shade: float = 1.0) -> None:
        paint = (*(color * shade), number)
        cv2.fillConvexPoly(canvas, to_canvas(points), paint, 8, SHIFT)

    if kind in (0, 1):
        half = size * rng.uniform(0.2, 0.6, 2)
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
        fill(center + corners, 0.7)
        fill(center + corners * 0.85)
        if kind == 1:
            for column in (-0.4, 0.4):
                fill(center + corners * 0.34 + half * [column, -0.4], 0.55)
                fill(center + corners * 0.34 + half * [column, 0.4], 0.55)
        return
    if kind == 2:
        for _ in range(5):
            spread = rng.normal(size=2) * size * 0.2
            angle = np.linspace(0, 2 * np.pi, 10)[:-1]
            radius = size * rng.uniform(0.12, 0.3) * rng.uniform(0.75, 1.1, (9, 1))
            blob = center + spread + np.stack((np.cos(angle), np.sin(angle)), 1) * radius
            fill(cv2.convexHull(blob.astype(np.float32))[:, 0], rng.uniform(0.6, 1.1))
        return
    if kind == 3:
        angle = np.linspace(0, 2 * np.pi, 17)[:-1]
        disc = np.stack((np.cos(angle), np.sin(angle)), 1) * size * rng.uniform(0.1, 0.3)
        fill(center + disc, 0.7)
        fill(center + disc * 0.75 - size * 0.02)
        return
    # Poles, sticks and loose limbs, which a detector should learn to ignore.
    if kind in (5, 6):
        color = skins[rng.integers(len(skins))] if rng.random() < 0.6 else color
    turn = rng.normal() * 0.15 if kind == 4 else rng.uniform(0, np.pi)
    reach = size * (rng.uniform(0.6, 1.4) if kind == 4 else rng.uniform(0.2, 0.5))
    step = np.array([np.sin(turn), np.cos(turn)]) * reach
    radius = np.array([1.0, rng.uniform(0.6, 1.0)]) * max(size * rng.uniform(0.025, 0.06), 0.8)
    fill(limb_outlines(center - step, center + step, radius), 0.62)
    fill(limb_outlines(center - step, center + step, radius, 0.65))
    if kind == 6:
        bend = turn + rng.uniform(0.5, 1.8)
        corner = center + step
        step = np.array([np.sin(bend), np.cos(bend)]) * reach * 1.5
        fill(limb_outlines(corner, corner + step, radius * 0.85), 0.62)
        fill(limb_outlines(corner, corner + step, radius * 0.85, 0.65), 0.9)
