"""Deadlines: rows armed in the transaction of their cause, fired once. There is no other way to delay work.

A timer's row is locked after the row of the thing it watches, by firing and by settling alike, so that neither waits
for the other in a circle: firing first calls the use case, which locks its thing and decides, and then marks the
timer; if the timer was settled meanwhile, nothing of the firing commits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import structlog

from storeops.common.clock import machine_now, monotonic
from storeops.common.consumer import give_hints, is_passing
from storeops.common.db import Database, WriteSession, transaction
from storeops.common.faults import reach
from storeops.common.metrics import TIMER_LATENESS, TIMERS_FIRED
from storeops.common.scope import worker_scope
from storeops.common.signals import Signals
from storeops.common.waves import waves

log = structlog.get_logger()

LIMIT = 500
"""Timers of one transaction at most."""
BUSY = 0.05
"""Seconds until the next look when another process fires what is due."""


class DueTimer(NamedTuple):
    """A deadline that was reached."""

    kind: str
    key: str
    due_at: datetime
    generation: int


class Arming(NamedTuple):
    """A deadline to set."""

    kind: str
    key: str
    due_at: datetime


Fire = Callable[[WriteSession, Any], Awaitable[None]]
FireT = TypeVar("FireT", bound=Callable[..., Awaitable[None]])
Lock = Callable[[WriteSession, Sequence[DueTimer]], Awaitable[None]]
LockT = TypeVar("LockT", bound=Lock)


class JobRouter:
    """The timer kinds and the recurring upkeep of one area."""

    def __init__(self) -> None:
        self.timers: dict[str, tuple[Fire, int]] = {}
        self.lock: Lock | None = None
        self.upkeep: list[tuple[str, timedelta, Callable[[WriteSession], Awaitable[None]]]] = []

    def timer(self, *kinds: str, batch: int = 0) -> Callable[[FireT], FireT]:
        """Fire these kinds: one `DueTimer` a call, or with `batch` lists of at most so many of one kind."""

        def register(call: FireT) -> FireT:
            for kind in kinds:
                if kind in self.timers:
                    message = f"timer kind {kind} has two handlers"
                    raise TypeError(message)
                self.timers[kind] = (call, batch)
            return call

        return register

    def lock_first(self, call: LockT) -> LockT:
        """Before a transaction of several calls: lock what all its timers are about, in one order."""
        self.lock = call
        return call

    def every(self, interval: timedelta) -> Callable[[FireT], FireT]:
        """Machine upkeep (retention, gauges), run about every `interval` in one process at a time."""

        def register(call: FireT) -> FireT:
            self.upkeep.append((f"{call.__module__}.{call.__qualname__}", interval, call))
            return call

        return register


async def arm(session: WriteSession, armings: Iterable[Arming]) -> None:
    """Set deadlines, in the transaction of their cause. A kind and key that has one is re-armed, a generation on."""
    rows = list(armings)
    if not rows:
        return
    await session.fetch(
        f"INSERT INTO {session.scope.service}.timer AS held (kind, key, due_at, armed_for) "
        "SELECT kind, key, due_at, due_at "
        "FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS t(kind, key, due_at) "
        "ON CONFLICT (kind, key) DO UPDATE SET due_at = excluded.due_at, armed_for = excluded.due_at, state = 'armed', "
        "generation = held.generation + 1, fired_at = NULL",
        [row.kind for row in rows],
        [row.key for row in rows],
        [row.due_at for row in rows],
    )
    announce_due(session, [row.due_at for row in rows], now=await session.now())


async def cancel(
    session: WriteSession, keys: Sequence[str], *, kinds: Sequence[str], after: datetime | None = None
) -> None:
    """Settle deadlines of these kinds and keys, in the transaction that settles their cause.

    With `after` only those that were still to come then: what had passed fires, and its handler judges it.
    """
    if not keys:
        return
    await session.fetch(
        f"UPDATE {session.scope.service}.timer SET state = 'cancelled' "
        "WHERE key = ANY($1::text[]) AND kind = ANY($2::text[]) AND state = 'armed' "
        "AND ($3::timestamptz IS NULL OR due_at > $3)",
        list(keys),
        list(kinds),
        after,
    )


def announce_due(session: WriteSession, instants: Iterable[datetime], *, now: datetime) -> None:
    """Have the firing look at once, when what was armed is due already."""
    if min(instants, default=now + timedelta(1)) <= now:
        session.announce(f"timers:{session.scope.service}", None)


def arming_part(service: str, deadlines: str) -> str:
    """SQL that sets deadlines as part of the one statement that writes their causes, to save a round trip.

    `deadlines` selects (kind, key, due_at); where due_at is null there is nothing to set. Only for keys that are new
    to their kind. Whoever runs it calls `announce_due`.
    """
    return (
        f"INSERT INTO {service}.timer (kind, key, due_at, armed_for) SELECT kind, key, due_at, due_at "
        f"FROM ({deadlines}) AS deadline (kind, key, due_at) WHERE due_at IS NOT NULL"
    )


def settling_part(service: str, source: str, *, kind: str, key: str) -> str:
    """SQL that settles deadlines of a kind as part of the statement that settles their causes.

    `source` is that statement's CTE, `key` its column.
    """
    return (
        f"UPDATE {service}.timer SET state = 'cancelled' FROM {source} "
        f"WHERE timer.kind = '{kind}' AND timer.key = {source}.{key} AND timer.state = 'armed'"
    )


class TimerFailed(Exception):
    """A deadline's handler failed for its own reasons; carries the key, so that others need not wait for it."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


async def fire_due(
    database: Database,
    service: str,
    kinds: dict[str, tuple[Fire, int]],
    signals: Signals,
    *,
    skip: Sequence[str] = (),
    limit: int = LIMIT,
    lock: Lock | None = None,
) -> int:
    """Fire what is due now, the earliest first, each key in order; answers how many. One firer a service at a time.

    Raises `TimerFailed` when `limit` is one and its handler fails.
    """
    async with transaction(database, worker_scope(service, "timer")) as session:
        if not await session.fetchval(f"SELECT pg_try_advisory_xact_lock(hashtext('storeops.timers.{service}'))"):
            return 0
        now = await session.now()
        due = [
            DueTimer(*row)
            for row in await session.fetch(
                f"SELECT kind, key, due_at, generation FROM {service}.timer "
                "WHERE state = 'armed' AND due_at <= $1 AND kind = ANY($3::text[]) AND key <> ALL($4::text[]) "
                "ORDER BY due_at, key LIMIT $2",
                now,
                limit,
                list(kinds),
                list(skip),
            )
        ]
        if not due:
            return 0
        calls = list(waves(due, key=lambda t: t.key, kind=lambda t: t.kind, limit=lambda t: kinds[t.kind][1]))
        try:
            if lock is not None and len(calls) > 1:
                await lock(session, due)
            for wave in calls:
                fire, batch = kinds[wave[0].kind]
                await fire(session, wave if batch else wave[0])
        except Exception as error:
            if limit > 1 or is_passing(error):
                raise
            raise TimerFailed(due[0].key) from error
        await mark_fired(session, due, now)
        await reach("timers.before_commit")
    await reach("timers.after_commit")
    give_hints(signals, session)
    for timer in due:
        TIMERS_FIRED.labels(service, timer.kind).inc()
        TIMER_LATENESS.labels(service).observe((now - timer.due_at).total_seconds())
    return len(due)


class TimerSettled(Exception):
    """A deadline was settled or re-armed while it was being fired: the firing is void and looked at anew."""


async def mark_fired(session: WriteSession, due: Sequence[DueTimer], now: datetime) -> None:
    """Mark timers fired; raises `TimerSettled` when one of them is no longer as it was read."""
    fired = await session.fetch(
        f"UPDATE {session.scope.service}.timer AS held SET state = 'fired', fired_at = $4 "
        "FROM unnest($1::text[], $2::text[], $3::int[]) AS t(kind, key, generation) "
        "WHERE held.kind = t.kind AND held.key = t.key AND held.generation = t.generation AND held.state = 'armed' "
        "RETURNING 1",
        [timer.kind for timer in due],
        [timer.key for timer in due],
        [timer.generation for timer in due],
        now,
    )
    if len(fired) != len(due):
        raise TimerSettled


class TimerRunner:
    """Fires a service's deadlines and does its upkeep."""

    def __init__(self, database: Database, service: str, routers: Sequence[JobRouter], signals: Signals) -> None:
        self._database = database
        self._service = service
        self._signals = signals
        self._kinds = {kind: fire for router in routers for kind, fire in router.timers.items()}
        self._lock = next((router.lock for router in routers if router.lock is not None), None)
        self._upkeep = [job for router in routers for job in router.upkeep]
        self._sick: dict[str, float] = {}
        """Keys whose handler failed, and when to try them again (monotonic)."""
        self._wake = asyncio.Event()
        stops = [signals.on(name, lambda _data: self._wake.set()) for name in ("clock", f"timers:{service}")]
        self._stop = lambda: [stop() for stop in stops]

    async def run(self) -> None:
        """Fire until cancelled: looks at least once a second, at once when the sandbox clock moves or one is due."""
        try:
            while True:
                try:
                    wait = await self._until_next()
                    if wait <= 0.0:
                        wait = 0.0 if await self.turn() else BUSY
                except Exception as error:
                    if not is_passing(error):
                        log.exception("timers_failed", service=self._service)
                    wait = 0.5
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            self._stop()

    async def turn(self) -> int:
        """Fire what is due once; a deadline whose handler fails is left for a minute while others fire."""
        for limit in (LIMIT, 1):
            try:
                return await fire_due(
                    self._database,
                    self._service,
                    self._kinds,
                    self._signals,
                    skip=tuple(self._sick),
                    limit=limit,
                    lock=self._lock,
                )
            except TimerSettled:
                return 1
            except TimerFailed as failure:
                log.exception("timer_failed", service=self._service, key=failure.key, exc_info=failure.__cause__)
                self._sick[failure.key] = monotonic() + 60.0
                return 1
            except Exception as error:
                if is_passing(error):
                    raise
        return 0

    def close(self) -> None:
        """Stop listening for the clock."""
        self._stop()

    async def run_upkeep(self) -> None:
        """Run each job of upkeep in its interval until cancelled."""
        due = {name: machine_now() for name, _, _ in self._upkeep}
        while True:
            for name, interval, job in self._upkeep:
                if machine_now() < due[name]:
                    continue
                due[name] = machine_now() + interval
                try:
                    async with transaction(self._database, worker_scope(self._service, "upkeep")) as session:
                        if await session.fetchval("SELECT pg_try_advisory_xact_lock(hashtext($1))", name):
                            await job(session)
                except Exception as error:
                    if not is_passing(error):
                        log.exception("upkeep_failed", job=name)
            await asyncio.sleep(1.0)

    async def _until_next(self) -> float:
        """Business seconds until the next deadline that this runner may fire, a second at most."""
        self._sick = {key: until for key, until in self._sick.items() if until > monotonic()}
        clock = "(SELECT now FROM sandbox.clock)" if self._database.sandbox else "$2::timestamptz"
        [(seconds,)] = await self._database.fetch(
            f"SELECT extract(epoch FROM min(due_at) - {clock})::float FROM {self._service}.timer "
            "WHERE state = 'armed' AND key <> ALL($1::text[])",
            list(self._sick),
            *([] if self._database.sandbox else [machine_now()]),
        )
        return 1.0 if seconds is None else min(1.0, seconds)
