"""Locks what several events need at once, in the one order of all locks: stores, allocations, levels."""

from collections.abc import Sequence

from storeops.common.contracts.base import Event
from storeops.common.contracts.orders import OrderCancelled, OrderExpired, OrderPlaced, ParcelHandedOver
from storeops.common.db import WriteSession
from storeops.inventory.stock.commands.allocation import candidate_levels, demand_of
from storeops.inventory.stock.commands.backorders import lock_round
from storeops.inventory.stock.queries.allocations import lock_allocations
from storeops.inventory.stock.queries.levels import lock_levels
from storeops.inventory.stock.queries.warehouses import warehouses_serving
from storeops.inventory.stock.rules import LevelKey
from storeops.inventory.stores.queries import hold_supply


async def lock_all(session: WriteSession, told: Sequence[Event]) -> None:
    """Hold until the transaction ends what placing, ending and sending these orders will touch.

    Levels that come free are held with those of the orders that wait for them.
    """
    demands = [demand_of(event) for event in told if isinstance(event, OrderPlaced)]
    wanted: set[LevelKey] = set()
    if demands:
        stores = {demand.store_id for demand in demands}
        await hold_supply(session, stores, alone=False)
        wanted = candidate_levels(demands, await warehouses_serving(session, stores))
    ending = {event.order_id for event in told if isinstance(event, OrderCancelled | OrderExpired | ParcelHandedOver)}
    held = (await lock_allocations(session, ending)).values() if ending else ()
    promised = {LevelKey(order.warehouse_id, sku) for order in held if order.warehouse_id for sku in order.left}
    if promised:
        await lock_round(session, promised, also=wanted)
    else:
        await lock_levels(session, wanted)
