"""Who gets which goods, and when a store runs low or out. Pure: no I/O, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple


class LevelKey(NamedTuple):
    """A SKU in a warehouse. Levels are always locked in the order of their keys."""

    warehouse_id: str
    sku: str


class StoreSku(NamedTuple):
    """A SKU in a store."""

    store_id: str
    sku: str


class Demand(NamedTuple):
    """What one order wants, all or none."""

    order_id: str
    store_id: str
    pieces: Mapping[str, int]
    """By SKU, lines of the same SKU summed."""


class Shortage(NamedTuple):
    """A SKU of a refused order."""

    sku: str
    wanted: int
    available: int
    """The most that one warehouse of the store held."""


class Decision(NamedTuple):
    """What one order gets: everything out of `warehouse_id`, or nothing because of `short`."""

    demand: Demand
    warehouse_id: str | None
    short: tuple[Shortage, ...] = ()


def grant_orders(
    demands: Iterable[Demand], *, warehouses: Mapping[str, Sequence[str]], available: Mapping[LevelKey, int]
) -> list[Decision]:
    """Serve orders in the order given, each whole and out of the first warehouse of its store that holds it (STK-2).

    `warehouses` are a store's warehouses by priority; a level that `available` does not name holds nothing. An order
    that cannot be served takes nothing, so that it never stands in the way of a smaller one behind it.
    """
    left = dict(available)
    decisions: list[Decision] = []
    for demand in demands:
        serving = warehouses.get(demand.store_id, ())
        chosen = next((place for place in serving if holds(left, place, demand.pieces)), None)
        if chosen is None:
            decisions.append(Decision(demand, None, shortages(left, serving, demand.pieces)))
            continue
        for sku, quantity in demand.pieces.items():
            left[LevelKey(chosen, sku)] -= quantity
        decisions.append(Decision(demand, chosen))
    return decisions


def holds(left: Mapping[LevelKey, int], warehouse_id: str, pieces: Mapping[str, int]) -> bool:
    """Whether a warehouse holds all of these pieces."""
    return all(left.get(LevelKey(warehouse_id, sku), 0) >= quantity for sku, quantity in pieces.items())


def shortages(left: Mapping[LevelKey, int], serving: Sequence[str], pieces: Mapping[str, int]) -> tuple[Shortage, ...]:
    """The SKUs that no single warehouse could give in full; all when each could be given, but not together."""
    wanted = [
        Shortage(sku, quantity, max((left.get(LevelKey(place, sku), 0) for place in serving), default=0))
        for sku, quantity in pieces.items()
    ]
    return tuple(line for line in wanted if line.available < line.wanted) or tuple(wanted)


class StoreState(StrEnum):
    """How a store stands with one SKU."""

    OK = "ok"
    LOW = "low"
    OUT = "out"


def store_state(sellable: int, warning_level: int) -> StoreState:
    """The state that so many sellable pieces make; at the warning level a store is low already (STK-4)."""
    if sellable == 0:
        return StoreState.OUT
    return StoreState.LOW if sellable <= warning_level else StoreState.OK


class Crossing(StrEnum):
    """A line that was crossed and is worth telling."""

    LOW = "low"
    OUT = "out"
    RESTORED = "restored"


def crossing(before: StoreState, after: StoreState) -> Crossing | None:
    """What a change of state tells others: running low, running out, or the first sellable piece again.

    Rising from low to ok tells nothing: nobody acts on it.
    """
    if before == after:
        return None
    if after is StoreState.OUT:
        return Crossing.OUT
    if before is StoreState.OUT:
        return Crossing.RESTORED
    return Crossing.LOW if after is StoreState.LOW else None
