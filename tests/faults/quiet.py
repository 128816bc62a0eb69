"""When nothing is under way any more: outboxes empty, groups at the end of the log, nothing due, the clock arrived."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import httpx2
from storeops.common.bus.base import Bus
from storeops.common.clock import monotonic
from storeops.common.consumer import is_passing
from storeops.common.db import Database

AFTER = timedelta(hours=50)
"""How far the clock is played at the end: past every ship clock of every order."""


class NotQuiet(Exception):
    """Something is still under way, and has not moved for long."""


async def under_way(database: Database, bus: Bus, names: Sequence[str]) -> dict[str, int]:
    """How much of what is still to happen."""
    parts = ", ".join(
        f"(SELECT count(*) FROM {name}.outbox) AS {name}_outbox, (SELECT count(*) FROM {name}.timer "
        f"WHERE state = 'armed' AND due_at <= (SELECT now FROM sandbox.clock)) AS {name}_timers"
        for name in names
    )
    [row] = await database.fetch(f"SELECT {parts}, (SELECT count(*) FROM sandbox.clock WHERE playing) AS playing")
    counts = {**dict(row), **{f"lag of {group}": count for group, count in (await bus.lag()).items()}}
    return {name: count for name, count in counts.items() if count}


async def come_to_rest(database: Database, bus: Bus, names: Sequence[str], *, patience: float) -> None:
    """Return once all is quiet; raises `NotQuiet` when what is under way has not changed for `patience` seconds."""
    before: object = None
    since = monotonic()
    while True:
        try:
            pending: object = await under_way(database, bus, names)
            if not pending and not await under_way(database, bus, names):
                return
        except Exception as error:
            if not is_passing(error):
                raise
            pending = repr(error)
        if pending != before:
            before, since = pending, monotonic()
        if monotonic() - since > patience:
            raise NotQuiet(pending)
        await asyncio.sleep(0.05)


async def play_on(client: httpx2.AsyncClient, *, patience: float) -> None:
    """Play the clock past every deadline, asking again while it cannot be reached.

    Raises `NotQuiet` when it has not moved for `patience` seconds.
    """
    target: datetime | None = None
    before, since = "", monotonic()
    while True:
        with suppress(httpx2.TransportError):
            clock = await client.get("/v1/sandbox/clock", headers={"prefer": "wait=2"})
            if clock.is_success:
                now, status = datetime.fromisoformat(clock.json()["now"]), clock.json()["status"]
                target = target or datetime.fromisoformat(clock.json()["target"]) + AFTER
                if now >= target and status == "ready":
                    return
                if status == "ready":
                    await client.post("/v1/sandbox/clock/advance", json={"to": target.isoformat()})
                if clock.text != before:
                    before, since = clock.text, monotonic()
        if monotonic() - since > patience:
            raise NotQuiet(f"the clock stands: {before}")
        await asyncio.sleep(0.05)
