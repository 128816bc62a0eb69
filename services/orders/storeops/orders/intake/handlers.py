"""What the events of this service's group are about: orders, locked before anything else."""

from collections.abc import Sequence

from storeops.common.contracts.base import Event
from storeops.common.db import WriteSession
from storeops.orders.events import events
from storeops.orders.intake.commands import locking


@events.lock_first
async def lock_orders(session: WriteSession, told: Sequence[Event]) -> None:
    """Several facts about several orders came in together."""
    named = (getattr(event, "order_id", None) for event in told)
    await locking.lock_all(session, {order_id for order_id in named if order_id is not None})
