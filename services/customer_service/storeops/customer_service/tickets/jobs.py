"""The deadlines of tickets themselves."""

from collections.abc import Sequence

from storeops.common.db import WriteSession
from storeops.common.timers import DueTimer, JobRouter
from storeops.customer_service.tickets.commands import deadlines
from storeops.customer_service.tickets.commands.writing import ESCALATION, SETTLE_BY

jobs = JobRouter()


@jobs.lock_first
async def lock_tickets(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """Deadlines of several kinds passed together."""
    await deadlines.lock_due(session, due)


@jobs.timer(ESCALATION, batch=500)
async def escalate_untaken(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """Half the time is gone and nobody works on it."""
    await deadlines.escalate_untaken(session, due)


@jobs.timer(SETTLE_BY, batch=500)
async def mark_overdue(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """The time is gone."""
    await deadlines.mark_overdue(session, due)
