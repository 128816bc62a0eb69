"""What makes an order work for a warehouse."""

from collections.abc import Sequence

from storeops.common.contracts.inventory import StockAllocated
from storeops.common.contracts.orders import OrderAudited, OrderEvent, OrderHoldReleased
from storeops.common.db import WriteSession
from storeops.orders.events import events
from storeops.orders.fulfillment.commands import releasing


@events.on(StockAllocated, batch=256)
async def take_allocations(session: WriteSession, allocated: Sequence[StockAllocated]) -> None:
    """Stock is promised out of one warehouse."""
    await releasing.take_allocations(session, allocated)


@events.on(OrderAudited, OrderHoldReleased, batch=256)
async def release_ready(session: WriteSession, cleared: Sequence[OrderEvent]) -> None:
    """A step that orders waited for is done."""
    await releasing.release_ready(session, [event.order_id for event in cleared])
