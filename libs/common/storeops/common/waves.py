"""Order within a key, freedom between keys: how a run of items is cut into calls."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def waves(
    items: Iterable[T], *, key: Callable[[T], Hashable], kind: Callable[[T], Hashable], limit: Callable[[T], int]
) -> Iterator[list[T]]:
    """Cut items into calls of one kind each, at most `limit(item)` long, keeping the order of every key.

    Items of different keys may overtake each other: three orders placed and paid become one call of three
    placings and one of three payments.
    """
    rounds: list[dict[Hashable, list[T]]] = []
    depth: dict[Hashable, int] = {}
    for item in items:
        level = depth.get(key(item), 0)
        depth[key(item)] = level + 1
        if level == len(rounds):
            rounds.append({})
        rounds[level].setdefault(kind(item), []).append(item)
    for by_kind in rounds:
        for group in by_kind.values():
            size = max(1, limit(group[0]))
            for start in range(0, len(group), size):
                yield group[start : start + size]
