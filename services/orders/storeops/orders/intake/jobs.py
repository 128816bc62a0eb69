"""The deadline of unpaid orders."""

from collections.abc import Sequence

from storeops.common.db import WriteSession
from storeops.common.timers import DueTimer, JobRouter
from storeops.orders.deadlines.rules import TimerKind
from storeops.orders.intake.commands import locking
from storeops.orders.intake.commands.deciding import expire_orders

jobs = JobRouter()


@jobs.lock_first
async def lock_orders(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """Deadlines of several kinds passed together; all of this service are orders'."""
    await locking.lock_all(session, {timer.key for timer in due})


@jobs.timer(TimerKind.ORDER_EXPIRY, batch=200)
async def expire_unpaid_orders(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """The time to pay is over (ORD-2)."""
    await expire_orders(session, [timer.key for timer in due])
