"""The sandbox clock: business time as a row that moves forward only, and plays what falls due on its way.

Playing means: to the next due instant, then wait until quiet (outboxes empty, groups at the end of the log, nothing
due), again, until the target. Observer groups (archive, figures) are not waited for on the way, since nothing acts on
them; at the end they are, when the caller asks for it.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Literal

import structlog
from asyncpg import Record
from fastapi import Depends, Request, Response
from pydantic import AwareDatetime, BaseModel

from storeops.common.auth.permissions import Permission
from storeops.common.bus.base import Bus
from storeops.common.clock import machine_now, monotonic
from storeops.common.consumer import is_passing
from storeops.common.db import Database
from storeops.common.errors import Conflict
from storeops.common.http.bodies import Body
from storeops.common.http.context import HttpContext, context_of
from storeops.common.http.routing import ServiceRouter, scope_of
from storeops.common.scope import Scope
from storeops.common.signals import Signals

log = structlog.get_logger()
router = ServiceRouter("platform", tags=["sandbox"])

SHOWN = 20
"""Entries of `blocked_by` at most."""
ARRIVED = "clock.arrived"
LOOK_EVERY = 0.1
"""Seconds after which a waiting request looks at the clock without having been told."""
STUCK_AFTER = 30.0
"""Seconds without any progress after which the player says what it waits for, and passes deadlines that do not fire."""
MAX_WAIT = 30.0
"""Seconds that a request waits for the clock to arrive."""


class ClockBehind(Conflict):
    """The sandbox clock goes forward only."""


class AdvanceClock(Body):
    """Where to go."""

    to: AwareDatetime
    figures: bool = False
    """Arrive only when archive and figures have caught up too."""
    stops: Literal["due", "target"] = "due"
    """Stop wherever something falls due, or at the target only, where all that fell due on the way happens at once."""


class ClockRead(BaseModel):
    """The sandbox clock: `advancing` until `now` has arrived at `target` and all is quiet."""

    now: datetime
    target: datetime
    status: str
    blocked_by: list[str]
    """What has kept the clock for half a minute without any progress, such as a deadline whose handler fails."""


async def operator(request: Request) -> Scope:
    """The caller, who needs the right to operate the spine."""
    return await scope_of(request, "platform")


async def clock_of(context: HttpContext) -> ClockRead:
    """The clock as it stands."""
    [row] = await context.databases["platform"].fetch("SELECT now, target, playing, blocked_by FROM sandbox.clock")
    return ClockRead(now=row[0], target=row[1], status="advancing" if row[2] else "ready", blocked_by=row[3])


@router.endpoint("GET", "/v1/sandbox/clock", permission=Permission.SPINE_OPERATE)
async def read_clock(request: Request, _scope: Annotated[Scope, Depends(operator)]) -> ClockRead:
    """Business time of this sandbox; with `Prefer: wait=N` once it has arrived, after N seconds at most."""
    return await arrived(context_of(request), wait_of(request))


@router.endpoint(
    "POST", "/v1/sandbox/clock/advance", permission=Permission.SPINE_OPERATE, status=202, errors=[ClockBehind]
)
async def advance_clock(
    request: Request, response: Response, body: AdvanceClock, _scope: Annotated[Scope, Depends(operator)]
) -> ClockRead:
    """Play time forward. Answers at once, or with `Prefer: wait=N` when it has arrived, after N seconds at most."""
    context = context_of(request)
    moved = await context.databases["platform"].fetch(
        "UPDATE sandbox.clock SET target = $1, playing = true, figures = $2, stops = $3, blocked_by = '{}' "
        "WHERE target <= $1 RETURNING 1",
        body.to,
        body.figures,
        body.stops,
    )
    if not moved:
        message = f"the clock is at {(await clock_of(context)).target.isoformat()}, and goes forward only"
        raise ClockBehind(message)
    context.signals.emit("advance")
    clock = await arrived(context, wait_of(request))
    response.status_code = 200 if clock.status == "ready" else 202
    return clock


async def arrived(context: HttpContext, wait: float) -> ClockRead:
    """The clock once it is ready, or as it stands after `wait` seconds."""
    there = asyncio.Event()
    stop = context.signals.on(ARRIVED, lambda _data: there.set())
    until = monotonic() + wait
    try:
        clock = await clock_of(context)
        while clock.status != "ready" and (left := until - monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_EVERY)):
                    await there.wait()
            there.clear()
            clock = await clock_of(context)
    finally:
        stop()
    return clock


def wait_of(request: Request) -> float:
    """Seconds of `Prefer: wait=N`, at most `MAX_WAIT`."""
    for part in request.headers.get("prefer", "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "wait" and value.isdigit():
            return min(float(value), MAX_WAIT)
    return 0.0


class Player:
    """Moves the clock to its target; one at a time, in a worker process."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        signals: Signals,
        *,
        services: Sequence[str],
        observers: Sequence[str],
        stuck_after: float = STUCK_AFTER,
    ) -> None:
        self._database = database
        self._bus = bus
        self._stuck_after = stuck_after
        self._passed: list[str] = []
        """Keys of deadlines that do not fire although they are due: time goes on without them, as it would outside."""
        self._signals = signals
        self._observers = frozenset(observers)
        self._wake = asyncio.Event()
        self._stop = signals.on("advance", lambda _data: self._wake.set())
        overdue = "state = 'armed' AND due_at <= (SELECT now FROM sandbox.clock)"
        pending = " OR ".join(
            # By its index: the table's pages stay behind when a flood of events has left.
            f"(SELECT min(id) FROM {name}.outbox) IS NOT NULL OR EXISTS "
            f"(SELECT FROM {name}.timer WHERE {overdue} AND key <> ALL($1::text[]))"
            for name in services
        )
        self._pending = f"SELECT {pending}"
        self._overdue = " UNION ALL ".join(
            f"SELECT '{name}: ' || kind || ' of ' || key AS what, key FROM {name}.timer WHERE {overdue}"
            for name in services
        )
        self._unsent = " UNION ALL ".join(
            f"SELECT '{name}: events that wait for the relay' WHERE (SELECT min(id) FROM {name}.outbox) IS NOT NULL"
            for name in services
        )
        due = " UNION ALL ".join(
            f"SELECT min(due_at) AS due FROM {name}.timer WHERE state = 'armed' AND due_at > $2" for name in services
        )
        self._next = f"SELECT min(due) FROM ({due}) AS every_service WHERE due <= $1"

    async def run(self) -> None:
        """Play until cancelled."""
        try:
            while True:
                try:
                    while await self._step():
                        pass
                except Exception as error:
                    if not is_passing(error):
                        raise
                    log.warning("clock_retry", error=repr(error))
                    await asyncio.sleep(0.5)
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            self._stop()

    async def _step(self) -> bool:
        """One move, or the arrival; answers whether there is more to play."""
        [(now, target, playing, figures, stops)] = await self._database.fetch(
            "SELECT now, target, playing, figures, stops FROM sandbox.clock"
        )
        if not playing:
            return False
        await self._quiet(everyone=figures and now >= target)
        if self._passed:
            await self._tell_blocked(await self._database.fetch(self._overdue))
        if now < target:
            [(due,)] = await self._database.fetch(self._next, target, now) if stops == "due" else [(target,)]
            # Only from where it was quiet: another process's player may have gone on meanwhile, and what that caused
            # is under way.
            await self._database.fetch("UPDATE sandbox.clock SET now = $1 WHERE now = $2", due or target, now)
            self._signals.emit("clock")
        else:
            await self._database.fetch("UPDATE sandbox.clock SET playing = false WHERE target = $1", target)
            self._signals.emit(ARRIVED)
        return True

    async def _quiet(self, *, everyone: bool) -> None:
        """Wait until nothing is under way.

        Outboxes and groups cannot be looked at in one instant: an event might move from where is still to be looked to
        where was looked already. Then the log has grown meanwhile, and all is looked at again.
        """
        seen: object = None
        looked = monotonic()
        while True:
            self._signals.emit("hurry")
            if not await self._is_pending():
                written = await self._bus.written()
                behind = await self._is_behind(everyone=everyone)
                if not behind and not await self._is_pending() and written == await self._bus.written():
                    return
            if monotonic() - looked > self._stuck_after:
                before, seen = seen, (await self._waits_for(everyone=everyone), await self._bus.written())
                looked = monotonic()
                if seen == before:
                    await self._pass_overdue()
            await asyncio.sleep(0.002)

    async def _waits_for(self, *, everyone: bool) -> list[str]:
        """Everything that keeps the clock."""
        overdue = [row[0] for row in await self._database.fetch(self._overdue)]
        unsent = [row[0] for row in await self._database.fetch(self._unsent)]
        lag = await self._bus.lag()
        behind = [
            f"{group}: {n} messages behind" for group, n in lag.items() if n and self._counts(group, everyone=everyone)
        ]
        return [*sorted(overdue), *unsent, *sorted(behind)]

    async def _pass_overdue(self) -> None:
        """Say what keeps the clock; deadlines among it keep it no longer."""
        blocked = await self._waits_for(everyone=False)
        log.warning("clock_blocked", by=blocked[:SHOWN])
        await self._tell_blocked(await self._database.fetch(self._overdue), *blocked)

    async def _tell_blocked(self, overdue: Sequence[Record], *blocked: str) -> None:
        self._passed = [row[1] for row in overdue]
        shown = list(dict.fromkeys([*(row[0] for row in overdue), *blocked]))[:SHOWN]
        await self._database.fetch("UPDATE sandbox.clock SET blocked_by = $1", shown)

    async def _is_pending(self) -> bool:
        [(pending,)] = await self._database.fetch(self._pending, self._passed)
        return pending

    async def _is_behind(self, *, everyone: bool) -> bool:
        lag = await self._bus.lag()
        return any(count for group, count in lag.items() if self._counts(group, everyone=everyone))

    def _counts(self, group: str, *, everyone: bool) -> bool:
        return everyone or group not in self._observers


async def is_sandbox(database: Database) -> bool:
    """Whether this database's business time is a sandbox's."""
    [(begun,)] = await database.fetch("SELECT EXISTS (SELECT FROM sandbox.clock)")
    return begun


async def set_clock_once(database: Database, start: datetime | None) -> None:
    """Begin the sandbox's time, unless it has begun."""
    await database.fetch(
        "INSERT INTO sandbox.clock (now, target) VALUES ($1, $1) ON CONFLICT DO NOTHING",
        start or machine_now(),
    )
