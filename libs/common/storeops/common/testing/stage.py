"""One test's bus with the probe service on it: the stage of the bus contract, the same on both transports."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Literal, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from storeops.common.bus.base import Bus, Relay, Subscription
from storeops.common.bus.kafka import KafkaBus
from storeops.common.bus.postgres import PostgresBus
from storeops.common.consumer import Consumer
from storeops.common.db import Database
from storeops.common.events import EventRouter
from storeops.common.signals import Signals
from storeops.common.testing.probe import LEASE, SERVICE, TOPIC, Probe

PATIENCE = 60.0
"""Seconds after which what should have happened counts as not happening."""


class Transport(NamedTuple):
    """Which bus, and for Kafka where and under which prefix."""

    name: Literal["postgres", "kafka"]
    servers: str = ""
    prefix: str = ""


def bus_of(transport: Transport, database: Database) -> Bus:
    """A bus as one process holds it."""
    if transport.name == "postgres":
        return PostgresBus(database, Signals(database, shared=False), lease=LEASE)
    return KafkaBus(transport.servers, prefix=transport.prefix, lease=LEASE)


class Member:
    """One consumer of a group, moved by hand."""

    def __init__(self, consumer: Consumer, subscription: Subscription) -> None:
        self.consumer = consumer
        self.subscription = subscription

    async def work(self) -> int:
        """Handle one batch, if there is one."""
        batch = await self.subscription.poll(500, 0.05)
        if batch is None:
            return 0
        await self.consumer.take(self.subscription, batch)
        return len(batch.messages)

    async def work_until(self, done: Callable[[], Awaitable[bool]]) -> None:
        """Handle batches until it is so."""
        async with asyncio.timeout(PATIENCE):
            while not await done():
                await self.work()

    async def finish(self, bus: Bus, group: str) -> None:
        """Handle batches until the group is at the end of the log."""

        async def at_the_end() -> bool:
            return (await bus.lag()).get(group) == 0

        await self.work_until(at_the_end)


class Stage:
    """One test's bus, its probe service, and whatever joins."""

    def __init__(self, transport: Transport, probe: Probe, stack: AsyncExitStack) -> None:
        self.transport = transport
        self.probe = probe
        self.database = probe.database
        self.bus = self.another_bus()
        self._stack = stack
        self._relay: Relay | None = None

    def another_bus(self) -> Bus:
        """The same bus as another process sees it."""
        return bus_of(self.transport, self.database)

    async def open(self, partitions: int = 1) -> None:
        """Make the probe's topic."""
        self._stack.push_async_callback(self.bus.close)
        await self.bus.open({TOPIC: partitions})

    async def another_relay(self) -> Relay:
        """One more relay of the probe."""
        relay = await self.bus.relay(self.database, SERVICE)
        self._stack.push_async_callback(relay.close)
        return relay

    async def relay(self) -> Relay:
        """The probe's relay."""
        self._relay = self._relay or await self.another_relay()
        return self._relay

    async def send(self) -> int:
        """Turn the relay until the outbox is empty."""
        relay = await self.relay()
        total = 0
        async with asyncio.timeout(PATIENCE):
            while await self.probe.rows("outbox"):
                total += await relay.turn(500)
        return total

    async def cut_connections(self) -> None:
        """End every other connection to the test's database, as a failing network or server would."""
        async with self.probe.reading() as session:
            driver = await session.driver()
            await driver.execute("RESET ROLE")
            await driver.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
            )

    async def delete_before(self, offset: int) -> None:
        """What retention does on Kafka, where it is the broker's: drop the topic's messages before an offset."""
        admin: Any = AIOKafkaAdminClient(bootstrap_servers=self.transport.servers)
        await admin.start()
        try:
            place = TopicPartition(self.transport.prefix + TOPIC, 0)
            await admin.delete_records({place: RecordsToDelete(before_offset=offset)})
        finally:
            await admin.close()

    async def join(self, router: EventRouter, bus: Bus | None = None) -> Member:
        """One more member of a group."""
        subscription = await (bus or self.bus).subscribe(router.group, [TOPIC], types=router.types)
        self._stack.push_async_callback(subscription.close)
        signals = Signals(self.database, shared=False)
        return Member(Consumer(self.database, SERVICE, router, signals), subscription)
