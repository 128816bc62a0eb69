"""A run inside one process: two workers and the API on a real PostgreSQL, dying at their named points by chance.

Dying is an exception that nothing catches: transactions roll back, what was in memory is gone, the worker begins anew.
Seconds where processes take minutes; what it cannot show is left to the runs over processes.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import asyncpg
import pytest
from storeops.common import consumer, relay, timers
from storeops.common.auth.permissions import Role
from storeops.common.bus.postgres import PostgresSubscription
from storeops.common.clock import monotonic
from storeops.common.db import WriteSession
from storeops.common.faults import POINTS
from storeops.common.http import routing
from storeops.common.runtime import Parts, assemble, workers
from storeops.common.service import installed_services
from storeops.common.settings import Settings
from storeops.common.testing.harness import Harness, trusting
from storeops.common.testing.shop import SandboxTime

from .checks import Subject, check, finding, watch_positions
from .history import History
from .injectors import append_copies, append_messages, new_poison, set_back
from .load import Crashed, Load
from .quiet import NotQuiet, come_to_rest, play_on
from .run import Report, open_market

TEMPLATE = "template_storeops"
APP_PASSWORD = "test-only"
LEASE = 1.5
OPERATIONS = 240
"""Requests of one run."""
PATIENCE = 6.0
DEATH = {"request": 0.02, "consumer": 0.02, "relay": 0.01, "timers": 0.2, "sabotage": 0.03}
"""How likely a process dies at a point of this kind."""
PAUSE = 0.01
"""How likely a member stands still past its lease with a batch in hand."""
DAWDLE = 0.5
"""How likely a transaction waits a moment between its last statement and its commit."""
HOT_PIECES = 12
JUMPS = {0.4: 21, 0.8: 26}
"""By how many hours time jumps after so much of the load: past the first and the second clock of what is paid."""


class NotBegun(Exception):
    """The stores could not be opened, before anything was done to the installation."""


class Frailty:
    """Who dies when: once at every named point that is passed, and by chance, until all is well again."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._owed = {point: chance.randint(1, 3) for point in POINTS}
        """Passes until the death that is certain."""
        self.over = False
        self.deaths: Counter[str] = Counter()
        """By point."""

    async def reach(self, point: str) -> None:
        """Die here, maybe."""
        if self.over:
            return
        self._owed[point] = self._owed.get(point, 0) - 1
        if self._owed[point] == 0 or self._chance.random() < DEATH[point.partition(".")[0]]:
            self.deaths[point] += 1
            raise Crashed(point)

    def dawdling(self, flush: Any) -> Any:
        """A session's `_flush` that now and then leaves the others a moment before the commit."""

        async def dawdled(session: WriteSession) -> None:
            await flush(session)
            if not self.over and self._chance.random() < DAWDLE:
                await asyncio.sleep(self._chance.uniform(0.0, 0.02))

        return dawdled

    def pausing(self, poll: Any) -> Any:
        """A subscription's `poll` that now and then answers only when the lease is over."""

        async def paused(subscription: PostgresSubscription, limit: int, wait: float) -> Any:
            batch = await poll(subscription, limit, wait)
            if batch is not None and not self.over and self._chance.random() < PAUSE:
                await asyncio.sleep(LEASE * 1.4)
            return batch

        return paused


class Site(NamedTuple):
    """What a sabotage may change."""

    patch: pytest.MonkeyPatch
    admin: "asyncpg.Connection[asyncpg.Record]"
    frailty: Frailty


Sabotage = Callable[[Site], Awaitable[None] | None]


@asynccontextmanager
async def fresh_database(maintenance_url: str) -> AsyncGenerator[str]:
    """A migrated database of its own, as the superuser."""
    name = f"m_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(maintenance_url)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        yield f"{maintenance_url.rpartition('/')[0]}/{name}"
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


async def miniature(maintenance_url: str, folder: Path, seed: int, sabotage: Sabotage | None = None) -> Report:
    """One run, sabotaged or not; its report says what does not hold."""
    chance = Random(seed)
    report = Report("in one process", seed, history=History(f"m{seed}"))
    frailty = Frailty(chance)
    started = monotonic()
    async with stage(maintenance_url, folder, frailty, sabotage) as (harness, admin):
        with pytest.MonkeyPatch.context() as patch:
            for module in (consumer, relay, timers, routing):
                patch.setattr(module, "reach", frailty.reach)
            patch.setattr(PostgresSubscription, "poll", frailty.pausing(PostgresSubscription.poll))
            patch.setattr(WriteSession, "_flush", frailty.dawdling(WriteSession._flush))  # pyright: ignore[reportPrivateUsage] - what is sabotaged or watched is inside
            await watch_positions(admin)
            await live(report, harness, admin=admin, frailty=frailty, chance=chance)
    report.points = frailty.deaths
    report.deaths = frailty.deaths.total()
    report.seconds = monotonic() - started
    return report


@asynccontextmanager
async def stage(
    maintenance_url: str, folder: Path, frailty: Frailty, sabotage: Sabotage | None
) -> AsyncGenerator[tuple[Harness, "asyncpg.Connection[asyncpg.Record]"]]:
    """An installation in this process on a database of its own, sabotaged or not, and the superuser's connection."""
    async with fresh_database(maintenance_url) as admin_url:
        admin = await asyncpg.connect(admin_url)
        try:
            with pytest.MonkeyPatch.context() as patch:
                made = sabotage(Site(patch, admin, frailty)) if sabotage is not None else None
                if made is not None:
                    await made
                async with installation(admin_url, folder) as harness:
                    yield harness, admin
        finally:
            await admin.close()


@asynccontextmanager
async def installation(admin_url: str, folder: Path) -> AsyncGenerator[Harness]:
    """All services, with two workers that begin anew when they die."""
    url = f"postgresql://storeops_app:{APP_PASSWORD}@{admin_url.rpartition('@')[2]}"
    settings = Settings(
        database_url=url,
        data_dir=folder,
        sandbox=True,
        lease=LEASE,
        partitions=4,
        pool_size=40,
        service_secret="s" * 32,
        contact_key="c" * 32,
    )
    services = installed_services()
    async with assemble(settings, services, alone=True, everyone=services) as parts:
        trusting(parts.context.verifier)
        harness = Harness(parts)
        running = [asyncio.create_task(work(parts)) for _ in range(2)]
        try:
            yield harness
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            await harness.stop()


async def work(parts: Parts) -> None:
    """What a worker process and its supervisor do."""
    while True:
        with suppress(Exception, BaseExceptionGroup):
            async with asyncio.TaskGroup() as group:
                for part in await workers(parts):
                    group.create_task(part)
        await asyncio.sleep(0.02)


async def live(
    report: Report,
    harness: Harness,
    *,
    admin: "asyncpg.Connection[asyncpg.Record]",
    frailty: Frailty,
    chance: Random,
) -> None:
    """Load and faults, healing, quiet, checks."""
    parts = harness.parts
    client = await harness.client(Role.OWNER)
    frailty.over = True
    began = await SandboxTime(client).now()
    try:
        async with asyncio.timeout(60):
            market = await open_market(client, pieces=30, hot=HOT_PIECES)
    except (TimeoutError, AssertionError) as error:
        raise NotBegun(repr(error)) from error
    frailty.over = False
    load = Load(client, market, report.history, chance)
    poisoned: set[str] = set()
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(customers=5, channels=5, packers=1))
        for share in (0.2, 0.4, 0.6, 0.8):
            await reached(report.history, int(OPERATIONS * share))
            await hurt(admin, chance, poisoned)
            await jump(admin, JUMPS.get(share, 0))
        await reached(report.history, OPERATIONS)
        load.end()
        frailty.over = True
    database = next(iter(parts.databases.values()))
    try:
        await come_to_rest(database, parts.bus, list(parts.services), patience=PATIENCE)
        await play_on(client, patience=PATIENCE)
        await come_to_rest(database, parts.bus, list(parts.services), patience=PATIENCE)
    except NotQuiet as error:
        report.findings.append(finding("spine", "I8 all comes to rest", [str(error)]))
    report.orders = await admin.fetchval("SELECT count(*) FROM orders.sales_order")
    known = frozenset(poisoned)
    report.findings += await check(Subject(parts.services, parts.databases, admin, report.history, known, began))


async def reached(history: History, count: int) -> None:
    """Return once the client has begun so many requests."""
    async with asyncio.timeout(60):
        while len(history.operations) < count:
            await asyncio.sleep(0.01)


async def hurt(admin: "asyncpg.Connection[asyncpg.Record]", chance: Random, poisoned: set[str]) -> None:
    """Connections cut, deliveries repeated at once and late, one poison message."""
    if not poisoned:
        key, payloads = new_poison()
        poisoned.add(key)
        await append_messages(admin, key, payloads)
    await admin.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND random() < 0.3"
    )
    await set_back(admin, chance.randint(1, 60))
    await append_copies(admin, chance.randint(1, 10))


async def jump(admin: "asyncpg.Connection[asyncpg.Record]", hours: int) -> None:
    """Move business time without playing what lies between."""
    await admin.execute(
        f"UPDATE sandbox.clock SET now = now + interval '{hours} hours', target = target + interval '{hours} hours'"
    )
