"""Greedy granting against a brute force, and the crossings of a store's state."""

from collections.abc import Mapping
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from storeops.inventory.stock.rules import (
    Crossing,
    Demand,
    LevelKey,
    Shortage,
    StoreState,
    crossing,
    grant_orders,
    store_state,
)

SKUS = st.sampled_from(["A", "B", "C"])
WAREHOUSES = ["w1", "w2", "w3"]
demands = st.lists(
    st.tuples(st.sampled_from(["s1", "s2", "s3"]), st.dictionaries(SKUS, st.integers(1, 5), min_size=1)), max_size=12
)
stocks = st.dictionaries(st.builds(LevelKey, st.sampled_from(WAREHOUSES), SKUS), st.integers(0, 12))
serving = st.fixed_dictionaries({store: st.permutations(WAREHOUSES) for store in ("s1", "s2")})


@given(demands, stocks, serving)
def test_greedy_granting_is_the_brute_force(
    wanted: list[tuple[str, dict[str, int]]], available: dict[LevelKey, int], warehouses: dict[str, list[str]]
) -> None:
    orders = [Demand(f"o{number}", store, pieces) for number, (store, pieces) in enumerate(wanted)]
    decisions = grant_orders(orders, warehouses=warehouses, available=available)
    assert [decision.demand for decision in decisions] == orders

    taken: dict[LevelKey, int] = {}
    for decision in decisions:
        pieces, places = decision.demand.pieces, warehouses.get(decision.demand.store_id, [])
        left = {key: available.get(key, 0) - taken.get(key, 0) for w in places for key in keys_of(w, pieces)}
        fitting = [w for w in places if all(left[LevelKey(w, sku)] >= count for sku, count in pieces.items())]
        assert decision.warehouse_id == (fitting[0] if fitting else None)
        assert bool(decision.short) == (not fitting)
        for sku, count in pieces.items() if fitting else ():
            key = LevelKey(fitting[0], sku)
            taken[key] = taken.get(key, 0) + count
    assert all(count <= available[key] for key, count in taken.items())


def keys_of(warehouse_id: str, pieces: Mapping[str, int]) -> list[LevelKey]:
    return [LevelKey(warehouse_id, sku) for sku in pieces]


def test_a_big_order_does_not_stand_in_the_way() -> None:
    orders = [Demand("big", "s", {"A": 6}), Demand("small", "s", {"A": 2})]
    decisions = grant_orders(orders, warehouses={"s": ["w"]}, available={LevelKey("w", "A"): 5})
    assert [decision.warehouse_id for decision in decisions] == [None, "w"]
    assert decisions[0].short == (Shortage("A", 6, 5),)


def test_goods_that_lie_apart_are_short_together() -> None:
    available = {LevelKey("w1", "A"): 1, LevelKey("w2", "B"): 1}
    [decision] = grant_orders([Demand("o", "s", {"A": 1, "B": 1})], warehouses={"s": ["w1", "w2"]}, available=available)
    assert decision.short == (Shortage("A", 1, 1), Shortage("B", 1, 1))


@given(st.lists(st.integers(-5, 5)), st.integers(0, 4))
def test_out_and_restored_take_turns(steps: list[int], warning_level: int) -> None:
    sellable = accumulate(steps, lambda pieces, step: max(0, pieces + step), initial=0)
    states = [store_state(pieces, warning_level) for pieces in sellable]
    told = [crossing(before, after) for before, after in pairwise(states)]
    ends = [line for line in told if line in {Crossing.OUT, Crossing.RESTORED}]
    assert all(a != b for a, b in pairwise(ends))
    assert ends[:1] in ([], [Crossing.RESTORED])
    assert (states[-1] is StoreState.OUT) == (ends[-1:] in ([], [Crossing.OUT]))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("ok", "low", "low"),
        ("ok", "out", "out"),
        ("low", "out", "out"),
        ("out", "low", "restored"),
        ("out", "ok", "restored"),
        ("low", "ok", None),
        ("ok", "ok", None),
    ],
)
def test_a_crossing_is_told_once(before: str, after: str, told: str | None) -> None:
    assert crossing(StoreState(before), StoreState(after)) == told
