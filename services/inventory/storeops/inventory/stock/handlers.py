"""Which facts move stock."""

from collections.abc import Sequence

from storeops.common.contracts.base import Event
from storeops.common.contracts.orders import OrderCancelled, OrderExpired, OrderPlaced, ParcelHandedOver
from storeops.common.db import WriteSession
from storeops.inventory.events import events
from storeops.inventory.stock.commands import allocation, giving_back, locking


@events.lock_first
async def lock_stock(session: WriteSession, told: Sequence[Event]) -> None:
    """Several facts about several orders came in together."""
    await locking.lock_all(session, told)


@events.on(OrderPlaced, batch=256)
async def allocate_orders(session: WriteSession, placed: Sequence[OrderPlaced]) -> None:
    """Orders came in: each gets all it wants, or waits."""
    await allocation.allocate_orders(session, placed)


@events.on(OrderCancelled, OrderExpired, batch=256)
async def release_stock(session: WriteSession, ended: Sequence[OrderCancelled | OrderExpired]) -> None:
    """Orders are off: what they were promised goes back."""
    await giving_back.release_orders(session, ended)


@events.on(ParcelHandedOver, batch=256)
async def issue_stock(session: WriteSession, parcels: Sequence[ParcelHandedOver]) -> None:
    """Parcels left: their pieces are gone."""
    await giving_back.issue_parcels(session, parcels)
