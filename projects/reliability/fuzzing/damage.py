"""Damage to the bytes of a file."""

from __future__ import annotations

import random


def flip(data: bytes, rng: random.Random, most: int = 20) -> bytes:
    """Change single bits, from one to ``most``."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, most)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes:
    """Leave out the end."""
    return data[: rng.randrange(len(data))]


def drop(data: bytes, rng: random.Random) -> bytes:
    """Leave out a part in the middle."""
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randint(1, max(1, len(data) // 10)) :]


def zero(data: bytes, rng: random.Random) -> bytes:
    """Replace a part by zeros, as a file system does after a crash."""
    start = rng.randrange(len(data))
    size = min(rng.randint(1, max(1, len(data) // 4)), len(data) - start)
    return data[:start] + bytes(size) + data[start + size :]


def repeat(data: bytes, rng: random.Random) -> bytes:
    """Write the file twice."""
    return data + data


def noise(data: bytes, rng: random.Random) -> bytes:
    """Replace everything by random bytes."""
    return rng.randbytes(rng.choice((1, 10, 1000)))


def head(data: bytes, rng: random.Random) -> bytes:
    """Change bits of the first hundred bytes."""
    return flip(data[:100], rng, 4) + data[100:]


DAMAGES = (flip, cut, drop, zero, repeat, noise, head)
