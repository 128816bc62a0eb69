"""`event.latency` and `event.throughput`: an event from its publishing to its handled effect, on both transports.

A service of two small tables stands for any service; relay, bus, consumer and inbox are the real ones, in this process.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import NamedTuple

from storeops.app.bench.report import Figure, figure, percentile
from storeops.app.bench.stand import Stand
from storeops.common.bus.base import Bus
from storeops.common.bus.kafka import KafkaBus
from storeops.common.bus.postgres import PostgresBus
from storeops.common.clock import monotonic
from storeops.common.consumer import Consumer, give_hints
from storeops.common.contracts.orders import OrderAudited
from storeops.common.db import Database, WriteSession, transaction
from storeops.common.embedded.kafka import EmbeddedKafka
from storeops.common.events import EventRouter
from storeops.common.migrating import migrate
from storeops.common.outbox import publish
from storeops.common.relay import run_relay
from storeops.common.scope import worker_scope
from storeops.common.signals import Signals
from storeops.common.testing.probe import NOON, SERVICE, TOPIC, add_probe, say

GROUP = "bench"
HANDLED = "bench.handled"
"""The hint that events have been handled, after their commit."""
PUBLISHERS = 8
EACH = 250
"""Events of one publisher at most; a tenth more come before, uncounted."""
KEYS = 500
"""Keys that a throughput run spreads its events over, and events of one transaction."""


class Line(NamedTuple):
    """A transport with everything that an event passes."""

    database: Database
    bus: Bus
    signals: Signals
    heard: dict[str, "asyncio.Future[float]"]
    """By key: when the event that is waited for had been handled."""


async def on_postgres(stand: Stand) -> list[Figure]:
    """The log in PostgreSQL."""
    async with probed(stand, "events_postgres") as database:
        signals = Signals(database, shared=False)
        return await measure(stand, Line(database, PostgresBus(database, signals), signals, {}))


async def on_kafka(stand: Stand) -> list[Figure]:
    """A real broker, started for this."""
    async with EmbeddedKafka(stand.folder / "kafka") as broker, probed(stand, "events_kafka") as database:
        bus = KafkaBus(broker.bootstrap_servers, prefix="bench.", lease=15.0)
        return await measure(stand, Line(database, bus, Signals(database, shared=False), {}))


@asynccontextmanager
async def probed(stand: Stand, name: str) -> AsyncGenerator[Database]:
    """A database of its own with the bus and the small service."""
    await stand.admin.execute(f"CREATE DATABASE {name}")
    url = stand.server.url_of(name)
    await migrate(url, [])
    await add_probe(url, stand.server.url)
    database = Database(str(stand.settings.database_url).rpartition("/")[0] + f"/{name}")
    try:
        yield database
    finally:
        await database.close()


async def measure(stand: Stand, line: Line) -> list[Figure]:
    """Throughput first, so that latency is measured on tables that hold something."""
    try:
        await line.bus.open({TOPIC: 1})
        n = await publish_many(line, stand.size.events)
        last = asyncio.get_running_loop().create_future()
        line.heard[f"many-{(n - 1) % KEYS}:{(n - 1) // KEYS + 1}"] = last
        began = monotonic()
        async with running(line):
            rate = n / (await last - began)
            latencies = await latencies_of(line, min(EACH, stand.size.events // 40))
    finally:
        await line.bus.close()
    name, count = line.bus.name, len(latencies)
    return [
        figure(f"event.throughput.{name}", rate, "events/s", n=n),
        figure(f"event.latency.{name}.p50", percentile(latencies, 0.5) * 1000, "ms", n=count),
        figure(f"event.latency.{name}.p99", percentile(latencies, 0.99) * 1000, "ms", n=count),
    ]


@asynccontextmanager
async def running(line: Line) -> AsyncGenerator[None]:
    """Relay and consumer at work."""
    async with AsyncExitStack() as stack:
        relay = await line.bus.relay(line.database, SERVICE)
        subscription = await line.bus.subscribe(GROUP, [TOPIC])
        stack.callback(line.signals.on(HANDLED, partial(tell, line)))
        consumer = Consumer(line.database, SERVICE, listening(), line.signals)
        work = [run_relay(relay, SERVICE, line.signals), consumer.run(subscription)]
        for task in [asyncio.create_task(each) for each in work]:
            stack.push_async_callback(ended, task)
        yield


async def ended(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait for its end; an error of its own is raised."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()):
        raise error


def listening() -> EventRouter:
    """A group with a small effect that tells, after its commit, what has been handled."""
    router = EventRouter(GROUP)

    @router.on(OrderAudited, batch=256)
    async def note(session: WriteSession, events: Sequence[OrderAudited]) -> None:
        await session.fetch(
            "INSERT INTO probe.effect (consumer, owner, key, note) "
            "SELECT $1, '', key, note FROM unnest($2::text[], $3::text[]) AS t(key, note)",
            GROUP,
            [event.order_id for event in events],
            [event.by for event in events],
        )
        session.announce(HANDLED, [f"{event.order_id}:{event.by}" for event in events])

    return router


def tell(line: Line, handled: Sequence[str]) -> None:
    """Say to whoever waits for these events that they have been handled."""
    now = monotonic()
    for key in handled:
        waiting = line.heard.pop(key, None)
        if waiting is not None:
            waiting.set_result(now)


async def publish_many(line: Line, count: int) -> int:
    """Fill the outbox before anybody looks at it; answers with how many, a multiple of `KEYS`."""
    turns = max(1, count // KEYS)
    for sequence in range(1, turns + 1):
        async with transaction(line.database, worker_scope(SERVICE, "bench")) as session:
            for number in range(KEYS):
                event = OrderAudited(order_id=f"many-{number}", store_id="sto_1", occurred_at=NOON, by=str(sequence))
                publish(session, event, sequence=sequence)
    return turns * KEYS


async def latencies_of(line: Line, each: int) -> list[float]:
    """Seconds from before an event's transaction to after the commit of its handling, publishers one event each."""
    first = each // 10
    runs = await asyncio.gather(*(publish_and_wait(line, f"one-{who}", first + each) for who in range(PUBLISHERS)))
    return [seconds for run in runs for seconds in run[first:]]


async def publish_and_wait(line: Line, key: str, count: int) -> list[float]:
    """One publisher: the next event once the last one was handled."""
    took: list[float] = []
    for number in range(1, count + 1):
        waiting = line.heard[f"{key}:{number}"] = asyncio.get_running_loop().create_future()
        began = monotonic()
        async with transaction(line.database, worker_scope(SERVICE, "bench")) as session:
            await say(session, key)
        give_hints(line.signals, session)
        took.append(await waiting - began)
    return took
