"""Ways to spoil a valid body, one at a time. Each is wrong for every operation, whatever the field means."""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, NamedTuple, cast

Place = tuple[str | int, ...]

HUGE = 10**12
LONG = "x" * 20_000
SURPRISE = "surprise"
MONEY = re.compile(r"^\d+\.\d\d$")
BAD_MONEY = ("-1.00", "1e5", "99999999999999.00", "0.001", "NaN", "Infinity", "１２.00", "1,5", "0x10")
SIGNED = ("delta",)
"""Numbers that may be negative."""
MANY, MANY_OBJECTS = 2_100, 501


class Spoiled(NamedTuple):
    """A body with one thing wrong, and where that is."""

    place: Place
    body: Any

    @property
    def pointer(self) -> str:
        """The place as a problem names it."""
        return "/" + "/".join(str(step) for step in ("body", *self.place))


def nodes(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value of a body with its place, the body itself first."""
    yield place, value
    for step, child in children(value):
        yield from nodes(child, (*place, step))


def children(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from cast("dict[str, Any]", value).items()
    elif isinstance(value, list):
        yield from enumerate(cast("list[Any]", value))


def with_value(body: Any, place: Place, value: Any) -> Any:
    """The body with another value in a place."""
    if not place:
        return value
    changed = deepcopy(body)
    parent = changed
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = value
    return changed


def spoiled(body: Any) -> Iterator[Spoiled]:
    """Bodies that no schema of ours takes."""
    for place, value in nodes(body):
        for wrong in wrong_values(place, value):
            yield Spoiled(place, with_value(body, place, wrong))
        if isinstance(value, dict):
            surprised: dict[str, Any] = {**cast("dict[str, Any]", value), SURPRISE: 1}
            yield Spoiled((*place, SURPRISE), with_value(body, place, surprised))


def wrong_values(place: Place, value: Any) -> Sequence[Any]:
    """What cannot stand where a value stands."""
    of_wrong_type: list[Any] = [{SURPRISE: {}}, [[7]]]
    match value:
        case bool():
            return [*of_wrong_type, "perhaps", 7]
        case int():
            negative = [] if place[-1] in SIGNED else [-1]
            return [*of_wrong_type, *negative, HUGE, -HUGE, 10**30, 1.5, "many"]
        case str() if MONEY.match(value):
            return [*of_wrong_type, *BAD_MONEY, LONG, "\ud800", ""]
        case str():
            return [*of_wrong_type, LONG, "\ud800"]
        case list():
            items = cast("list[Any]", value)
            return [{SURPRISE: {}}, "text", 7, items[:1] * (MANY_OBJECTS if isinstance(items[0], dict) else MANY)]
        case _:
            return [[[7]], "text", 7]


def with_nul(body: Any) -> Iterator[Any]:
    """The body with a NUL character in one of its texts."""
    for place, value in nodes(body):
        if isinstance(value, str):
            yield with_value(body, place, f"{value[:1]}\0{value[1:]}")


def with_text(body: Any, field: str, text: str) -> Iterator[Spoiled]:
    """The body with a text in one of the fields of a name, or in a list of that name."""
    for place, value in nodes(body):
        named = place and (place[-1] == field or (len(place) > 1 and place[-2] == f"{field}s"))
        if named and isinstance(value, str):
            yield Spoiled(place, with_value(body, place, text))


MALFORMED = (
    b"{",
    b"[1,",
    b"{'a': 1}",
    b'{"a": 1} trailing',
    b"nul",
    b"\xff\xfe",
    b'{"a": "\xff"}',
    b'{"a": "\x00"}',
    b"[" * 50_000,
    b'{"a": ' + b"9" * 5_000 + b"}",
)
"""Bytes that are no JSON, or none that can be read."""
