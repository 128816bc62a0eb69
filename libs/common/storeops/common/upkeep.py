"""Upkeep that every service needs: gauges of its queues, and the end of old answers, inbox rows and messages (machine
time).
"""

import asyncio
from datetime import timedelta

import structlog

from storeops.common.bus.base import Bus
from storeops.common.clock import machine_now
from storeops.common.consumer import is_passing
from storeops.common.db import Database, transaction
from storeops.common.http.idempotency import forget_old
from storeops.common.metrics import OUTBOX_PENDING, PARKED_NOW
from storeops.common.scope import worker_scope

log = structlog.get_logger()

GAUGE_EVERY = 5.0
CLEAN_EVERY = 720
"""Gauge rounds between two cleanings: an hour."""
INBOX_DAYS = 30
"""Longer than any bus keeps its messages."""
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
                    await forget_old(session)
                    await session.fetch(
                        f"DELETE FROM {service}.inbox WHERE handled_at < now() - interval '{INBOX_DAYS} days'"
                    )
        except Exception as error:
            if not is_passing(error):
                raise
        rounds += 1
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
