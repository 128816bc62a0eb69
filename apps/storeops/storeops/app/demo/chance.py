"""The demo's only source of chance: repeatable, and independent of the order of calls."""

from random import Random


def chance(seed: int, *key: object) -> Random:
    """A generator of its own for one purpose and key; the same arguments always give the same draws."""
    return Random(":".join(map(str, (seed, *key))))
