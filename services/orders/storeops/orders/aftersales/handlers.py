"""What customer service settled."""

from storeops.common.contracts.customer_service import TicketSettled
from storeops.common.db import WriteSession
from storeops.orders.aftersales import commands
from storeops.orders.events import events


@events.on(TicketSettled)
async def act_on_settlement(session: WriteSession, event: TicketSettled) -> None:
    """A case was settled with the customer (ORD-4)."""
    await commands.act_on_settlement(session, event)
