"""The outbox: beside its change, in commit order per key, and nothing of a transaction that failed."""

import asyncio

import asyncpg
import orjson
import pytest
from storeops.common.bus.postgres import PostgresBus
from storeops.common.contracts.orders import OrderAudited
from storeops.common.db import Cause
from storeops.common.outbox import publish
from storeops.common.signals import Signals
from storeops.common.testing.probe import NOON, SERVICE, TOPIC, Probe, next_sequence, say

WRITERS, EVENTS = 8, 60
KEYS = ("ord_a", "ord_b", "ord_c")


async def say_and_fail(probe: Probe, key: str) -> None:
    async with probe.transaction() as session:
        await say(session, key)
        raise ZeroDivisionError


async def test_eight_writers_and_a_relay_lose_nothing_and_keep_every_keys_order(probe: Probe) -> None:
    bus = PostgresBus(probe.database, Signals(probe.database, shared=False))
    await bus.open({TOPIC: 2})
    relay = await bus.relay(probe.database, SERVICE)

    async def write(writer: int) -> None:
        for turn in range(EVENTS):
            # Some transactions take long between their lock and their commit, and some fail after publishing.
            async with probe.transaction() as session:
                await say(session, KEYS[(writer + turn) % len(KEYS)])
                if turn % 7 == 0:
                    await session.fetch("SELECT pg_sleep(0.002)")
            if turn % 5 == 0:
                with pytest.raises(ZeroDivisionError):
                    await say_and_fail(probe, KEYS[turn % len(KEYS)])

    writing = asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    while not writing.done():
        await relay.turn(11)
    await writing
    while await relay.turn(500):
        pass
    await relay.close()

    rows = await bus.database.fetch(
        'SELECT key, sequence, partition, "offset" FROM bus.message ORDER BY partition, "offset"'
    )
    for key in KEYS:
        sequences = [row["sequence"] for row in rows if row["key"] == key]
        assert sequences == list(range(1, WRITERS * EVENTS // len(KEYS) + 1))
    for partition in (0, 1):
        offsets = [row["offset"] for row in rows if row["partition"] == partition]
        assert offsets == list(range(len(offsets)))
    assert await probe.rows("outbox") == 0


async def test_an_event_and_its_change_commit_together_or_not_at_all(probe: Probe) -> None:
    with pytest.raises(ZeroDivisionError):
        await say_and_fail(probe, "ord_1")
    assert (await probe.rows("thing"), await probe.rows("outbox")) == (0, 0)

    await probe.say("ord_1", "said")

    assert (await probe.rows("thing"), await probe.rows("outbox")) == (1, 1)


async def test_an_event_that_is_too_large_takes_its_change_down(probe: Probe) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await probe.say("ord_1", "x" * 900_001)

    assert (await probe.rows("thing"), await probe.rows("outbox")) == (0, 0)


async def test_an_event_points_back_to_its_cause(probe: Probe) -> None:
    async with probe.transaction() as session:
        session.causes = {
            "ord_1": Cause("0193c0de-0000-7000-8000-000000000001", "req_1", "00-1"),
            "ord_2": Cause("0193c0de-0000-7000-8000-000000000002", "req_2", None),
        }
        for key in ("ord_1", "ord_2", "ord_3"):
            event = OrderAudited(order_id=key, store_id="sto_1", occurred_at=NOON, by="")
            publish(session, event, sequence=await next_sequence(session, key))
        headers = {row.key: orjson.loads(row.headers) for row in session.outbox}
        ids = {row.key: str(row.event_id) for row in session.outbox}

    assert headers == {
        "ord_1": {
            "correlation_id": "req_1",
            "causation_id": "0193c0de-0000-7000-8000-000000000001",
            "traceparent": "00-1",
        },
        "ord_2": {"correlation_id": "req_2", "causation_id": "0193c0de-0000-7000-8000-000000000002"},
        "ord_3": {"correlation_id": ids["ord_3"]},
    }
