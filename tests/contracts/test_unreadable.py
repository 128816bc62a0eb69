"""Records on Kafka that are no events of ours: parked for every group of the topic, while the partition goes on."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from storeops.common.bus.base import UNREADABLE
from storeops.common.events import EventRouter
from storeops.common.parked import drop_parked, list_parked, replay_parked
from storeops.common.testing.probe import SERVICE, TOPIC, listener
from storeops.common.testing.stage import Stage

pytestmark = pytest.mark.parametrize("transport", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)

GOOD = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"0193c0de-0000-7000-8000-000000000001"),
    ("ce_source", b"/elsewhere"),
    ("ce_type", b"order.audited.v1"),
    ("ce_time", b"2026-03-01T12:00:00Z"),
    ("ce_sequence", b"1"),
]
RECORDS: dict[str, tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]] = {
    "no headers": (b"ord_1", b'{"order_id": "ord_1"}', []),
    "no key": (None, b"{}", GOOD),
    "no payload": (b"ord_1", None, GOOD),
    "a payload that is no text": (b"ord_1", b"\xff\xfe\xfd", GOOD),
    "a NUL": (b"ord_1", b'{"by": "\0"}', GOOD),
    "an id that is none": (b"ord_1", b"{}", [*GOOD, ("ce_id", b"17")]),
    "a time without zone": (b"ord_1", b"{}", [*GOOD, ("ce_time", b"2026-03-01T12:00:00")]),
}


async def produce(stage: Stage, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    producer: Any = AIOKafkaProducer(bootstrap_servers=stage.transport.servers)
    async with producer:
        await producer.send_and_wait(stage.transport.prefix + TOPIC, value, key=key, headers=headers, partition=0)


async def test_they_are_parked_and_the_rest_goes_on(stage: Stage) -> None:
    await stage.open()
    await stage.probe.say("ord_well", "before")
    await stage.send()
    for record in RECORDS.values():
        await produce(stage, *record)
    await stage.probe.say("ord_well", "after")
    await stage.send()

    await (await stage.join(listener("g"))).finish(stage.bus, "g")

    assert await stage.probe.heard() == {"ord_well": ["before", "after"]}
    async with stage.probe.reading() as session:
        parked = await list_parked(session)
    assert {message.message.type for message in parked} == {UNREADABLE}
    assert sorted(message.message.payload for message in parked) == sorted(
        ['{"order_id": "ord_1"}', "{}", "", "\\xff\\xfe\\xfd", '{"by": "\\x00"}', "{}", "{}"]
    )


async def test_a_payload_that_is_no_json_is_poison_like_any_other(stage: Stage) -> None:
    await stage.open()
    await produce(stage, b"ord_1", b"not json", GOOD)

    await (await stage.join(listener("g"))).finish(stage.bus, "g")

    async with stage.probe.reading() as session:
        [parked] = await list_parked(session)
    assert parked.message.type == "order.audited.v1"
    assert "Invalid JSON" in parked.error


async def test_one_holds_its_key_until_it_is_dropped(stage: Stage) -> None:
    await stage.open()
    await produce(stage, *RECORDS["no headers"])
    await stage.probe.say("ord_1", "behind")
    await stage.send()
    router = listener("g")
    member = await stage.join(router)
    await member.finish(stage.bus, "g")
    assert await stage.probe.heard() == {}

    async with stage.probe.transaction() as session:
        [first, _] = await list_parked(session, "g")
        await drop_parked(session, first.message.event_id, group="g", reason="sent by hand", actor="staff_1")
    await replay_parked(stage.database, SERVICE, router, actor="staff_1")

    assert await stage.probe.heard() == {"ord_1": ["behind"]}


async def test_a_group_that_reads_everything_parks_them_too(stage: Stage) -> None:
    await stage.open()
    await produce(stage, *RECORDS["no headers"])
    archive = EventRouter("archive")

    @archive.on_everything()
    async def keep(_session: object, messages: object) -> None:
        pytest.fail(f"{messages} reached the archive")

    await (await stage.join(archive)).finish(stage.bus, "archive")

    assert await stage.probe.rows("parked") == 1
