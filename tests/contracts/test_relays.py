"""What the relay promises: nothing lost, nothing out of order, one at a time; what it sent twice has one effect."""

import asyncio
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from storeops.common.bus import kafka_relay
from storeops.common.bus.base import Relay
from storeops.common.consumer import is_passing
from storeops.common.testing.probe import TOPIC, listener
from storeops.common.testing.stage import PATIENCE, Stage

only_kafka = pytest.mark.parametrize("transport", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)


async def test_two_relays_at_once_send_every_event_once_and_in_order(stage: Stage) -> None:
    await stage.open(partitions=2)
    relays = [await stage.another_relay() for _ in range(2)]
    keys = [f"ord_{n}" for n in range(6)]
    writing = asyncio.gather(*(stage.probe.count_up(key) for _ in range(10) for key in keys))

    async def turn(relay: Relay) -> None:
        while not writing.done() or await stage.probe.rows("outbox"):
            await relay.turn(7)

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(turn(relay) for relay in relays))
    member = await stage.join(listener("g"))

    assert await stage.bus.lag() == {"g": 60}
    await member.finish(stage.bus, "g")
    assert await stage.probe.heard() == {key: [str(n) for n in range(1, 11)] for key in keys}


async def test_the_second_relay_takes_over_when_the_first_is_gone(stage: Stage) -> None:
    await stage.open()
    first, second = [await stage.another_relay() for _ in range(2)]
    await stage.probe.say("ord_1", "0")
    assert await first.turn(500) == 1
    await stage.probe.say("ord_1", "1")
    if stage.transport.name == "kafka":
        assert await second.turn(500) == 0
    await first.close()

    async with asyncio.timeout(PATIENCE):
        while not await second.turn(500):
            pass

    await (await stage.join(listener("g"))).finish(stage.bus, "g")
    assert await stage.probe.heard() == {"ord_1": ["0", "1"]}


async def test_a_relay_whose_connection_breaks_goes_on(stage: Stage) -> None:
    await stage.open()
    for n in range(3):
        await stage.probe.say("ord_1", str(n))
        await stage.cut_connections()
        async with asyncio.timeout(PATIENCE):
            while await stage.probe.rows("outbox"):
                try:
                    await (await stage.relay()).turn(500)
                except Exception as error:
                    if not is_passing(error):
                        raise

    await (await stage.join(listener("g"))).finish(stage.bus, "g")

    assert await stage.probe.heard() == {"ord_1": ["0", "1", "2"]}


async def test_an_event_of_a_topic_that_is_not_there_is_an_error_and_stays(stage: Stage) -> None:
    await stage.probe.say("ord_1", "0", "1")
    relay = await stage.relay()
    with pytest.raises(LookupError, match="order"):
        await relay.turn(500)
    assert await stage.probe.rows("outbox") == 2

    await stage.open()
    await stage.send()

    await (await stage.join(listener("g"))).finish(stage.bus, "g")
    assert await stage.probe.heard() == {"ord_1": ["0", "1"]}


@only_kafka
async def test_what_a_relay_sent_before_it_died_is_sent_again_without_effect(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL sending and deleting is one statement."""
    await stage.open()
    await stage.probe.say("ord_1", "0", "1")

    async def die(_point: str) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(kafka_relay, "reach", die)
        with pytest.raises(ConnectionResetError):
            await (await stage.relay()).turn(500)
    await stage.probe.say("ord_1", "2")
    await stage.send()
    member = await stage.join(listener("g"))

    assert await stage.bus.lag() == {"g": 5}
    await member.finish(stage.bus, "g")
    assert await stage.probe.heard() == {"ord_1": ["0", "1", "2"]}


@only_kafka
async def test_an_event_that_the_broker_refuses_holds_its_key_alone(stage: Stage) -> None:
    """On PostgreSQL the log takes whatever the outbox took."""
    await stage.open()
    await limit_messages(stage, 20_000)
    for n in range(3):
        await stage.probe.say("ord_large", "x" * 50_000 if n == 1 else str(n))
        await stage.probe.say("ord_small", str(n))
    relay = await stage.relay()
    async with asyncio.timeout(PATIENCE):
        while await stage.probe.rows("outbox") > 2:
            await relay.turn(500)
    assert await relay.turn(500) == 0
    member = await stage.join(listener("g"))
    await member.finish(stage.bus, "g")
    assert await stage.probe.heard() == {"ord_large": ["0"], "ord_small": ["0", "1", "2"]}

    await limit_messages(stage, 900_000)
    await relay.close()
    relay = await stage.another_relay()
    async with asyncio.timeout(PATIENCE):
        while await stage.probe.rows("outbox"):
            await relay.turn(500)

    await member.finish(stage.bus, "g")
    assert (await stage.probe.heard())["ord_large"] == ["0", "x" * 50_000, "2"]


async def limit_messages(stage: Stage, size: int) -> None:
    """Set the largest message that the broker takes for the probe's topic."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=stage.transport.servers)
    await admin.start()
    try:
        name = stage.transport.prefix + TOPIC
        limit = {"max.message.bytes": str(size)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=limit)])
    finally:
        await admin.close()
