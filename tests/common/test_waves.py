"""Order within a key, freedom between keys."""

from collections import defaultdict
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from storeops.common.waves import waves


class Item(NamedTuple):
    key: str
    kind: str
    number: int


ITEMS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"))).map(
    lambda pairs: [Item(key, kind, number) for number, (key, kind) in enumerate(pairs)]
)
LIMITS = st.fixed_dictionaries({kind: st.integers(0, 4) for kind in "xyz"})


def cut(items: list[Item], limits: dict[str, int]) -> list[list[Item]]:
    return list(waves(items, key=lambda i: i.key, kind=lambda i: i.kind, limit=lambda i: limits[i.kind]))


@given(ITEMS, LIMITS)
def test_nothing_is_lost_or_doubled_and_every_key_keeps_its_order(items: list[Item], limits: dict[str, int]) -> None:
    by_key: dict[str, list[int]] = defaultdict(list)
    for wave in cut(items, limits):
        for item in wave:
            by_key[item.key].append(item.number)

    assert sorted(number for numbers in by_key.values() for number in numbers) == [item.number for item in items]
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


@given(ITEMS, LIMITS)
def test_a_call_has_one_kind_each_key_once_and_keeps_its_limit(items: list[Item], limits: dict[str, int]) -> None:
    for wave in cut(items, limits):
        assert len({item.kind for item in wave}) == 1
        assert len({item.key for item in wave}) == len(wave)
        assert len(wave) <= max(1, limits[wave[0].kind])


def test_equal_events_of_different_keys_share_a_call() -> None:
    items = [Item(key, kind, 0) for key in "abc" for kind in ("placed", "paid")]

    calls = cut(items, {"placed": 10, "paid": 10})

    assert [[item.kind for item in call] for call in calls] == [["placed"] * 3, ["paid"] * 3]
