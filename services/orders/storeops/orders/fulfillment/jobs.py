"""The ship clocks of paid orders (ORD-3)."""

from collections.abc import Sequence

from storeops.common.db import WriteSession
from storeops.common.timers import DueTimer, JobRouter
from storeops.orders.deadlines.rules import SHIP_CLOCKS
from storeops.orders.fulfillment.commands import announcing

jobs = JobRouter()


@jobs.timer(*SHIP_CLOCKS, batch=200)
async def announce_deadlines(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """Orders reached a point of their ship clocks."""
    await announcing.announce_deadlines(session, due)
