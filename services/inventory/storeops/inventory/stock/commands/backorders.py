"""Gives goods that came free to the orders that wait for them, the earliest first.

Looking for waiting orders and locking levels go in rounds, so that locks keep their order: what waits is read first,
every level that could serve it is locked, and then the orders themselves, without waiting for any. An order that began
to wait in between is left to a timer that is due at once.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from storeops.common import timers
from storeops.common.db import WriteSession
from storeops.common.timers import Arming
from storeops.inventory.stock.commands.allocation import candidate_levels, promise_waiting
from storeops.inventory.stock.commands.levels import Changes, merged
from storeops.inventory.stock.commands.store_states import follow_changes, open_states
from storeops.inventory.stock.queries.allocations import waiting_for
from storeops.inventory.stock.queries.levels import lock_levels, skus_of_stores
from storeops.inventory.stock.queries.warehouses import levels_serving, stores_served, warehouses_serving
from storeops.inventory.stock.rules import LevelKey, StoreSku, grant_orders
from storeops.inventory.stores.queries import hold_supply

LEVEL_CHANGED = "level_changed"
"""Timer kind, key `<warehouse>:<sku>`: a request changed a level and does not see everyone whom that concerns."""
SUPPLY_CHANGED = "supply_changed"
"""Timer kind, key a store: other warehouses serve it now."""


class Round(NamedTuple):
    """What one round of serving may decide: every level it could need is locked."""

    raised: frozenset[LevelKey]
    """Levels that hold more than before."""
    orders: frozenset[str]
    warehouses: dict[str, list[str]]
    available: dict[LevelKey, int]


async def settle_later(session: WriteSession, levels: Collection[LevelKey]) -> None:
    """Have waiting orders and stores' states look at these levels once this transaction has committed."""
    now = await session.now()
    await timers.arm(session, [Arming(LEVEL_CHANGED, ":".join(level), now) for level in sorted(levels)])


async def lock_round(session: WriteSession, raised: Iterable[LevelKey], *, also: Iterable[LevelKey] = ()) -> Round:
    """Lock the raised levels, `also` others, and all that could serve the orders waiting for the raised ones."""
    raised = frozenset(raised)
    demands = await waiting_for(session, raised)
    warehouses = await warehouses_serving(session, {demand.store_id for demand in demands}) if demands else {}
    available = await lock_levels(session, raised.union(also, candidate_levels(demands, warehouses)))
    return Round(raised, frozenset(demand.order_id for demand in demands), warehouses, available)


async def serve_waiting(session: WriteSession, round_: Round, changes: Changes) -> Changes:
    """Promise what came free to waiting orders; answers `changes` with those that this made.

    `changes` are what this transaction did to the round's levels so far. Publishes `StockAllocated`.
    """
    waiting = await waiting_for(session, round_.raised, lock=True)
    late = [demand for demand in waiting if demand.order_id not in round_.orders]
    if late:
        await settle_later(session, {level for level in round_.raised if any(level.sku in d.pieces for d in late)})
    available = round_.available | {level: change.after for level, change in changes.items()}
    decisions = grant_orders(
        (demand for demand in waiting if demand.order_id in round_.orders),
        warehouses=round_.warehouses,
        available=available,
    )
    granted = [decision for decision in decisions if decision.warehouse_id is not None]
    if not granted:
        return changes
    return merged(changes, await promise_waiting(session, granted))


async def settle_levels(session: WriteSession, levels: Sequence[LevelKey]) -> None:
    """Look after everyone whom a change of these levels concerns: waiting orders, and the states of stores."""
    served = await stores_served(session, {level.warehouse_id for level in levels})
    await settle(
        session, {StoreSku(store, level.sku) for level in levels for store in served.get(level.warehouse_id, ())}
    )


async def settle_stores(session: WriteSession, store_ids: Sequence[str]) -> None:
    """Look after stores that other warehouses serve now: their waiting orders, and their states of every SKU."""
    await settle(session, await skus_of_stores(session, store_ids))


async def settle(session: WriteSession, pairs: Collection[StoreSku]) -> None:
    """Serve what waits for these goods, and bring the stores' states up to date.

    Waits for allocations under way in these stores: one of them may just find too little, and nobody else would look
    at its order again.
    """
    await hold_supply(session, {pair.store_id for pair in pairs}, alone=True)
    round_ = await lock_round(session, await levels_serving(session, pairs))
    await open_states(session, pairs)
    changes = await serve_waiting(session, round_, {})
    await follow_changes(session, changes, also=pairs)
