"""What brings an order under review, and what inventory could not promise."""

from collections.abc import Sequence

from storeops.common.contracts.inventory import StockShort
from storeops.common.contracts.orders import OrderPaid
from storeops.common.db import WriteSession
from storeops.orders.audit import commands
from storeops.orders.events import events


@events.on(OrderPaid, batch=256)
async def audit_orders(session: WriteSession, paid: Sequence[OrderPaid]) -> None:
    """Paid orders are reviewed at once (审单)."""
    await commands.audit_orders(session, [event.order_id for event in paid])


@events.on(StockShort, batch=256)
async def hold_shortages(session: WriteSession, short: Sequence[StockShort]) -> None:
    """Stock could not be promised (ORD-4)."""
    await commands.hold_shortages(session, short)
