"""Tells when a store runs low on a SKU, runs out, or can sell again (STK-4): once at each crossing.

A store's row is locked after the levels, and what it can sell is read under that lock; so the last of several
changes sees them all.
"""

from collections.abc import Collection, Mapping, Sequence

from storeops.common.contracts.inventory import StockLow, StockOut, StockRestored, StockStateEvent
from storeops.common.db import WriteSession
from storeops.common.outbox import publish
from storeops.inventory.stock import rules
from storeops.inventory.stock.commands.checks import require_skus, require_store
from storeops.inventory.stock.commands.levels import Changes
from storeops.inventory.stock.models import StoreStock
from storeops.inventory.stock.queries import levels as queries
from storeops.inventory.stock.queries.warehouses import levels_serving, stores_served
from storeops.inventory.stock.rules import Crossing, StoreSku, StoreState
from storeops.inventory.stock.schemas import WarningLevel


async def follow_changes(session: WriteSession, changes: Changes, *, also: Collection[StoreSku] = ()) -> None:
    """Bring the states of every store that these changes may concern up to date, and `also` others.

    Only for workers: a request does not see all stores that a warehouse serves.
    """
    await renew_states(session, (await turned_states(session, changes)).union(also))


async def turned_states(session: WriteSession, changes: Changes) -> set[StoreSku]:
    """The stores' states that these changes may have turned: before or after, a level was at the warning level.

    A level that stays above it keeps its stores above it, whatever their other warehouses hold.
    """
    changed = {key: min(change) for key, change in changes.items() if change.before != change.after}
    if not changed:
        return set()
    served = await stores_served(session, {key.warehouse_id for key in changed})
    lowest: dict[StoreSku, int] = {}
    for key, pieces in changed.items():
        for store_id in served.get(key.warehouse_id, ()):
            pair = StoreSku(store_id, key.sku)
            lowest[pair] = min(pieces, lowest.get(pair, pieces))
    return await queries.store_states_near(session, lowest)


async def renew_states(session: WriteSession, pairs: Collection[StoreSku]) -> None:
    """Compare states with what can be sold now; change and tell those that are no longer right."""
    if not pairs:
        return
    held = await queries.lock_store_stocks(session, pairs)
    sellable = await queries.sellable(session, pairs)
    turned: dict[StoreSku, tuple[StoreState, Crossing | None, int]] = {}
    for pair, state, warning_level in held:
        before, after = StoreState(state), rules.store_state(sellable[pair], warning_level)
        if before != after:
            turned[pair] = (after, rules.crossing(before, after), warning_level)
    if not turned:
        return
    sequences = await write_states(session, {pair: (after, told) for pair, (after, told, _) in turned.items()})
    for pair, (_, told, warning_level) in turned.items():
        if told is not None:
            event = await crossing_event(session, pair, told, available=sellable[pair], warning_level=warning_level)
            publish(session, event, sequence=sequences[pair])


async def write_states(
    session: WriteSession, states: Mapping[StoreSku, tuple[StoreState, Crossing | None]]
) -> dict[StoreSku, int]:
    """Store new states; answers each one's event counter, which a crossing moves on."""
    rows = await session.fetch(
        "UPDATE inventory.store_stock AS stock SET state = new.state, "
        "event_sequence = stock.event_sequence + new.told::int "
        "FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[]) AS new(store_id, sku, state, told) "
        "WHERE stock.store_id = new.store_id AND stock.sku = new.sku "
        "RETURNING stock.store_id, stock.sku, stock.event_sequence",
        [pair.store_id for pair in states],
        [pair.sku for pair in states],
        [state for state, _ in states.values()],
        [told is not None for _, told in states.values()],
    )
    return {StoreSku(store_id, sku): sequence for store_id, sku, sequence in rows}


async def crossing_event(
    session: WriteSession, pair: StoreSku, told: Crossing, *, available: int, warning_level: int
) -> StockStateEvent:
    """The event of a crossing."""
    now = await session.now()
    if told is Crossing.LOW:
        return StockLow(
            occurred_at=now, store_id=pair.store_id, sku=pair.sku, available=available, warning_level=warning_level
        )
    kind = StockOut if told is Crossing.OUT else StockRestored
    return kind(occurred_at=now, store_id=pair.store_id, sku=pair.sku, available=available)


async def open_states(session: WriteSession, pairs: Collection[StoreSku]) -> None:
    """Give stores a state of SKUs that they have none of: out, as nothing was ever there. Tells nothing.

    The levels that serve them must be locked, so that no change passes by a state that it cannot see yet.
    """
    await session.fetch(
        "INSERT INTO inventory.store_stock (store_id, sku, state) "
        "SELECT store_id, sku, 'out' FROM unnest($1::text[], $2::text[]) AS t(store_id, sku) ORDER BY store_id, sku "
        "ON CONFLICT DO NOTHING",
        *queries.columns(pairs),
    )


async def set_warning_levels(
    session: WriteSession, store_id: str, items: Sequence[WarningLevel]
) -> Sequence[StoreStock]:
    """Set from how few sellable pieces on a store is warned of SKUs; a level that is reached already warns at once.

    Of several levels of one SKU the last holds. Raises `StoreForbidden`, `StoreNotFound`, `SkuUnknown`.
    """
    await require_store(session, store_id)
    await require_skus(session, {f"/body/items/{index}/sku": item.sku for index, item in enumerate(items)})
    levels = {item.sku: item.level for item in items}
    pairs = {StoreSku(store_id, sku) for sku in levels}
    await queries.lock_levels(session, await levels_serving(session, pairs))
    await open_states(session, pairs)
    await queries.lock_store_stocks(session, pairs)
    await session.fetch(
        "UPDATE inventory.store_stock AS stock SET warning_level = new.level "
        "FROM unnest($2::text[], $3::int[]) AS new(sku, level) WHERE stock.store_id = $1 AND stock.sku = new.sku",
        store_id,
        list(levels),
        list(levels.values()),
    )
    await renew_states(session, pairs)
    return await queries.list_store_stocks(session, store_id, skus=levels.keys(), limit=len(levels))
