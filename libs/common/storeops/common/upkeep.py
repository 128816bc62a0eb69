"""Upkeep that every service needs: gauges of its queues and groups, and the end of what is old.

Answers, inbox rows and messages age by machine time; deadlines by business time, as they are set.
"""

import asyncio
from datetime import timedelta

import structlog

from storeops.common.bus.base import Bus
from storeops.common.clock import machine_now
from storeops.common.consumer import is_passing
from storeops.common.db import Database, WriteSession, transaction
from storeops.common.http.idempotency import forget_old
from storeops.common.metrics import GROUP_LAG, OUTBOX_PENDING, PARKED_NOW
from storeops.common.scope import worker_scope

log = structlog.get_logger()

GAUGE_EVERY = 5.0
CLEAN_EVERY = 720
"""Gauge rounds between two cleanings: an hour."""
INBOX_DAYS = 30
"""Longer than any bus keeps its messages (`Settings.retention_days`), or a message could have its effect twice."""
TIMER_DAYS = 30
"""Business days for which a deadline that has fired or was settled can still be looked at."""
PURGE_EVERY = 3600.0


async def run_upkeep(database: Database, service: str) -> None:
    """Until cancelled."""
    rounds = 0
    while True:
        try:
            async with transaction(database, worker_scope(service, "upkeep")) as session:
                row = await session.fetchrow(
                    f"SELECT (SELECT count(*) FROM {service}.outbox), (SELECT count(*) FROM {service}.parked)"
                )
                assert row is not None
                OUTBOX_PENDING.labels(service).set(row[0])
                PARKED_NOW.labels(service).set(row[1])
                if rounds % CLEAN_EVERY == 0:
                    await clean(session)
        except Exception as error:
            if not is_passing(error):
                raise
        rounds += 1
        await asyncio.sleep(GAUGE_EVERY)


async def clean(session: WriteSession) -> None:
    """Drop the answers, inbox rows and settled deadlines that nobody looks at any more."""
    service = session.scope.service
    await forget_old(session)
    await session.fetch(f"DELETE FROM {service}.inbox WHERE handled_at < now() - interval '{INBOX_DAYS} days'")
    await session.fetch(
        f"DELETE FROM {service}.timer WHERE state <> 'armed' AND due_at < $1",
        await session.now() - timedelta(days=TIMER_DAYS),
    )


async def run_gauges(bus: Bus) -> None:
    """Show how far each group of the installation is behind, until cancelled."""
    while True:
        try:
            for group, behind in (await bus.lag()).items():
                GROUP_LAG.labels(group).set(behind)
        except Exception as error:
            if not is_passing(error):
                raise
        await asyncio.sleep(GAUGE_EVERY)


async def run_retention(bus: Bus, days: int) -> None:
    """Drop what every group has handled and what is older than `days`, until cancelled."""
    while True:
        try:
            gone = await bus.purge(machine_now() - timedelta(days=days))
            if gone:
                log.info("messages_purged", count=gone, days=days)
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("purge_retry", error=repr(error))
        await asyncio.sleep(PURGE_EVERY)
