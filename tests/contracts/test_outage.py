"""A broker that dies and comes back: relays and consumers wait without an error of their own, and then go on."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from storeops.common.bus.base import BusUnavailable
from storeops.common.bus.kafka import KafkaBus
from storeops.common.consumer import Consumer, is_passing
from storeops.common.embedded.kafka import EmbeddedKafka
from storeops.common.relay import run_relay
from storeops.common.signals import Signals
from storeops.common.testing.probe import LEASE, SERVICE, TOPIC, Probe, listener
from storeops.common.testing.stage import PATIENCE

pytestmark = pytest.mark.kafka


@pytest.fixture
async def broker() -> AsyncIterator[EmbeddedKafka]:
    """A broker of its own: this test kills it."""
    with tempfile.TemporaryDirectory(prefix="storeops-") as folder:
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        await kafka.start()
        yield kafka
        await kafka.kill()


async def test_events_of_an_outage_arrive_after_it_once_and_in_order(probe: Probe, broker: EmbeddedKafka) -> None:
    bus = KafkaBus(broker.bootstrap_servers, lease=LEASE)
    await bus.open({TOPIC: 1})
    signals = Signals(probe.database, shared=False)
    parts = [
        asyncio.create_task(run_relay(await bus.relay(probe.database, SERVICE), SERVICE, signals)),
        asyncio.create_task(
            Consumer(probe.database, SERVICE, listener("g"), signals).run(await bus.subscribe("g", [TOPIC]))
        ),
    ]
    await probe.say("ord_1", "before")
    await heard(probe, ["before"])

    await broker.kill()
    for n in range(3):
        await probe.say("ord_1", str(n))
    with pytest.raises(BusUnavailable) as refusal:
        await bus.lag()
    assert is_passing(refusal.value)
    assert not any(part.done() for part in parts)
    await broker.start()
    await probe.say("ord_1", "after")

    await heard(probe, ["before", "0", "1", "2", "after"])
    assert not any(part.done() for part in parts)
    for part in parts:
        part.cancel()
        with suppress(asyncio.CancelledError):
            await part
    await bus.close()


async def test_a_bus_without_a_broker_says_so(probe: Probe) -> None:
    bus = KafkaBus("127.0.0.1:9", lease=LEASE)
    with pytest.raises(BusUnavailable):
        await bus.alive()
    with pytest.raises(BusUnavailable):
        await bus.open({TOPIC: 1})
    with pytest.raises(BusUnavailable):
        await bus.subscribe("g", [TOPIC])
    bus.partitions[TOPIC] = 1
    await probe.say("ord_1", "0")
    relay = await bus.relay(probe.database, SERVICE)
    with pytest.raises(BusUnavailable):
        await relay.turn(500)
    await relay.close()
    assert await probe.rows("outbox") == 1


async def heard(probe: Probe, notes: list[str]) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await probe.heard()).get("ord_1") != notes:
            await asyncio.sleep(0)
