"""The embedded Kafka: a real broker that keeps an acknowledged message over a kill."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from storeops.common.embedded.kafka import EmbeddedKafka
from storeops.common.embedded.process import FolderInUse

pytestmark = pytest.mark.kafka

TOPIC = "kept"


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="storeops-") as parent:
        yield Path(parent) / "kafka"


async def test_an_acknowledged_message_survives_the_kill_of_the_broker(folder: Path) -> None:
    async with EmbeddedKafka(folder) as broker:
        first_pid, first_address = broker.pid, broker.bootstrap_servers
        await make_topic(broker)
        await produce(broker, b"before")
        with pytest.raises(FolderInUse, match=str(os.getpid())):
            await EmbeddedKafka(folder).start()

        await broker.kill()
        await broker.start()

        assert broker.bootstrap_servers == first_address
        assert broker.pid != first_pid
        await produce(broker, b"after")
        assert await consume(broker, 2) == [b"before", b"after"]


async def make_topic(broker: EmbeddedKafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def produce(broker: EmbeddedKafka, value: bytes) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, acks="all", enable_idempotence=True
    ) as producer:
        await cast("Any", producer).send_and_wait(TOPIC, value, key=b"key")


async def consume(broker: EmbeddedKafka, count: int) -> list[bytes | None]:
    async with AIOKafkaConsumer(
        TOPIC, bootstrap_servers=broker.bootstrap_servers, group_id="reader", auto_offset_reset="earliest"
    ) as consumer:
        return [(await cast("Any", consumer).getone()).value for _ in range(count)]
