"""What the spine may rely on, whichever bus carries it. Where the transports differ, the test says which does what."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest
from aiokafka.partitioner import DefaultPartitioner
from prometheus_client import REGISTRY as METRICS
from storeops.common.bus.base import Batch, Message, OwnershipLost
from storeops.common.clock import machine_now
from storeops.common.contracts.orders import OrderAudited
from storeops.common.db import WriteSession
from storeops.common.events import EventRouter
from storeops.common.parked import replay_parked
from storeops.common.testing.probe import SERVICE, TOPIC, listener, say
from storeops.common.testing.stage import PATIENCE, Member, Stage


def numbers(count: int, start: int = 0) -> list[str]:
    return [str(n) for n in range(start, start + count)]


async def test_the_events_of_a_key_keep_their_order_while_many_write(stage: Stage) -> None:
    await stage.open(partitions=4)
    keys = [f"ord_{n}" for n in range(8)]

    relay = await stage.relay()
    writing = asyncio.gather(*(stage.probe.count_up(key) for _ in range(10) for key in keys))
    while not writing.done():
        await relay.turn(7)
        await asyncio.sleep(0)
    await writing
    await stage.send()

    await (await stage.join(listener("g", batch=5))).finish(stage.bus, "g")

    assert await stage.probe.heard() == {key: numbers(10, 1) for key in keys}


async def test_a_partition_is_the_keys_murmur2_hash(stage: Stage) -> None:
    await stage.open(partitions=5)
    keys = [f"ord_{n}" if n % 3 else f"店铺:{n}" for n in range(1000)]
    for start in range(0, 1000, 250):
        async with stage.probe.transaction() as session:
            for key in keys[start : start + 250]:
                await say(session, key, "hello")
    await stage.send()
    found: dict[str, int] = {}
    router = EventRouter("places")

    async def note_place(_session: WriteSession, messages: Sequence[Message]) -> None:
        found.update({message.key: message.partition for message in messages})

    router.on_everything()(note_place)
    await (await stage.join(router)).finish(stage.bus, "places")

    everywhere = list(range(5))
    default = DefaultPartitioner()
    assert found == {key: default(key.encode(), everywhere, everywhere) for key in keys}


async def test_a_message_is_the_same_on_every_transport(stage: Stage) -> None:
    await stage.open()
    async with stage.probe.transaction() as session:
        session.scope = session.scope._replace(
            correlation_id="req_1", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        )
        await say(session, "订单:1", "he said: “早上好”\n")
        row = session.outbox[0]
    await stage.send()

    batch = await take(stage, "g")

    assert batch.messages == [
        Message(
            topic=TOPIC,
            partition=0,
            offset=0,
            event_id=str(row.event_id),
            type="order.audited.v1",
            key="订单:1",
            sequence=1,
            store_id="sto_1",
            occurred_at=row.occurred_at,
            headers=row.headers,
            payload=row.payload,
        )
    ]


async def test_a_large_payload_travels_whole(stage: Stage) -> None:
    await stage.open()
    large = "龙" * 260_000
    await stage.probe.say("ord_1", "small", large, "small again")
    await stage.send()

    await (await stage.join(listener("g"))).finish(stage.bus, "g")

    assert await stage.probe.heard() == {"ord_1": ["small", large, "small again"]}


async def test_a_new_group_hears_everything_from_the_beginning(stage: Stage) -> None:
    await stage.open(partitions=2)
    await stage.probe.say("ord_1", *numbers(5))
    await stage.probe.say("ord_2", *numbers(5))
    await stage.send()
    await (await stage.join(listener("first"))).finish(stage.bus, "first")

    later = await stage.join(listener("later"))

    assert (await stage.bus.lag())["later"] == 10
    await later.finish(stage.bus, "later")
    assert await stage.probe.heard("later") == {"ord_1": numbers(5), "ord_2": numbers(5)}
    assert await stage.bus.lag() == {"first": 0, "later": 0}


async def test_another_process_sees_how_far_behind_a_group_is(stage: Stage) -> None:
    await stage.open()
    await stage.probe.say("ord_1", *numbers(3))
    await stage.send()
    await stage.join(listener("g"))

    other = stage.another_bus()
    await other.open({TOPIC: 1})
    try:
        assert await other.lag() == {"g": 3}
        assert await other.written() == 3
    finally:
        await other.close()


async def test_unknown_types_are_passed_over_and_counted(stage: Stage) -> None:
    await stage.open()
    await stage.probe.say("ord_1", "before")
    await stage.probe.say_something_else("ord_1")
    await stage.probe.say("ord_1", "after")
    await stage.send()
    skipped = METRICS.get_sample_value("storeops_events_skipped_total", {"group": "unknowing"}) or 0

    await (await stage.join(listener("unknowing"))).finish(stage.bus, "unknowing")

    assert await stage.probe.heard() == {"ord_1": ["before", "after"]}
    assert METRICS.get_sample_value("storeops_events_skipped_total", {"group": "unknowing"}) == skipped + 1
    assert await stage.probe.rows("parked") == 0


async def test_unknown_types_alone_cost_no_inbox_and_are_passed_over_by_their_owner_only(stage: Stage) -> None:
    await stage.open()
    for key in ("ord_1", "ord_2"):
        await stage.probe.say_something_else(key)
    await stage.send()
    member = await stage.join(listener("unknowing"))
    async with asyncio.timeout(PATIENCE):
        while (batch := await member.subscription.poll(500, 0.05)) is None:
            pass

    with pytest.raises(OwnershipLost):
        await member.subscription.pass_over(batch._replace(epoch=batch.epoch + 1))
    assert await stage.bus.lag() != {"unknowing": 0}
    await member.subscription.rewind(batch)
    await member.finish(stage.bus, "unknowing")

    assert await stage.probe.rows("inbox") == 0


class Refusal(Exception):
    """A handler's own failure."""


async def test_poison_is_parked_with_its_key_and_replays_in_order(stage: Stage) -> None:
    await stage.open()
    refused = {"2"}

    def refuse(event: OrderAudited) -> None:
        if event.order_id == "ord_sick" and event.by in refused:
            raise Refusal(event.by)

    for n in range(5):
        await stage.probe.say("ord_sick", str(n))
        await stage.probe.say("ord_well", str(n))
    await stage.send()
    router = listener("g", refuse=refuse)
    member = await stage.join(router)
    await member.finish(stage.bus, "g")
    assert await stage.probe.heard() == {"ord_sick": ["0", "1"], "ord_well": numbers(5)}
    assert await stage.probe.rows("parked") == 3

    refused.clear()
    verdicts = await replay_parked(stage.database, SERVICE, router, actor="staff_1")
    assert [(verdict.sequence, verdict.outcome) for verdict in verdicts] == [(n, "replayed") for n in (3, 4, 5)]

    await stage.probe.say("ord_sick", "5")
    await stage.send()
    await member.finish(stage.bus, "g")
    assert await stage.probe.heard() == {"ord_sick": numbers(6), "ord_well": numbers(5)}
    assert await stage.probe.rows("parked") == 0


async def test_a_failure_before_the_commit_has_no_effect_and_is_tried_again(stage: Stage) -> None:
    await stage.open()
    failures = iter([Refusal(), ConnectionError()])

    def fail_twice(_event: OrderAudited) -> None:
        for failure in failures:
            raise failure

    await stage.probe.say("ord_1", *numbers(4))
    await stage.send()
    member = await stage.join(listener("g", refuse=fail_twice))
    try:
        await member.finish(stage.bus, "g")
    except ConnectionError:
        await member.finish(stage.bus, "g")

    assert await stage.probe.heard() == {"ord_1": numbers(4)}
    assert await stage.probe.rows("parked") == 0


async def test_a_member_that_takes_and_leaves_changes_nothing(stage: Stage) -> None:
    await stage.open()
    await stage.probe.say("ord_1", *numbers(3))
    await stage.send()
    taken = await take(stage, "g")

    again = await take(stage, "g")

    assert again.messages == taken.messages
    await (await stage.join(listener("g"))).finish(stage.bus, "g")
    assert await stage.probe.heard() == {"ord_1": numbers(3)}


async def test_owners_that_come_and_go_handle_everything_once(stage: Stage) -> None:
    await stage.open(partitions=4)
    keys = [f"ord_{n}" for n in range(12)]
    sent = 0

    async def send_and_work(*members: Member) -> None:
        nonlocal sent
        for key in keys:
            await stage.probe.say(key, *numbers(5, sent))
        sent += 5
        await stage.send()
        await asyncio.gather(*(member.work_until(all_is_heard) for member in members))

    async def all_is_heard() -> bool:
        return len(await stage.probe.effects()) >= sent * len(keys)

    async def owners() -> set[str]:
        return {owner for _, _, owner in await stage.probe.effects()}

    first = await stage.join(listener("g", owner="first", batch=3))
    await send_and_work(first)
    second = await stage.join(listener("g", owner="second", batch=3))
    while await owners() != {"first", "second"}:
        await send_and_work(first, second)
    await first.subscription.close()
    await send_and_work(second)

    assert await stage.probe.heard() == {key: numbers(sent) for key in keys}


async def test_nothing_that_a_long_poll_reads_across_a_change_of_owners_is_lost(stage: Stage) -> None:
    await stage.open(partitions=4)
    keys = [f"ord_{n}" for n in range(12)]
    first = await stage.join(listener("g", owner="first"))
    polling = asyncio.create_task(first.subscription.poll(500, PATIENCE))
    await asyncio.sleep(0)
    second = await stage.join(listener("g", owner="second"))
    for key in keys:
        await stage.probe.say(key, "0")
    await stage.send()

    async def all_is_heard() -> bool:
        return len(await stage.probe.effects()) == len(keys)

    async def work_on() -> None:
        batch = await polling
        if batch is not None:
            with suppress(OwnershipLost):
                await first.consumer.take(first.subscription, batch)
        await first.work_until(all_is_heard)

    await asyncio.gather(work_on(), second.work_until(all_is_heard))

    assert await stage.probe.heard() == {key: ["0"] for key in keys}


async def test_old_messages_go(stage: Stage) -> None:
    """PostgreSQL keeps what some group has not handled, however old. On Kafka age alone decides: the broker's."""
    await stage.open()
    await stage.probe.say("ord_1", *numbers(4))
    await stage.send()
    quick = await stage.join(listener("quick"))
    await quick.finish(stage.bus, "quick")
    if stage.transport.name == "kafka":
        assert await stage.bus.purge(machine_now()) == 0
        await stage.delete_before(4)
    else:
        slow = await stage.join(listener("slow"))
        assert await stage.bus.purge(machine_now()) == 0
        await slow.finish(stage.bus, "slow")
        assert await stage.bus.purge(machine_now()) == 4
    await stage.join(listener("idle"))
    assert (await stage.bus.lag())["idle"] == 0
    await stage.probe.say("ord_1", "4")
    await stage.send()

    newcomer = await stage.join(listener("newcomer"))

    await quick.finish(stage.bus, "quick")
    await newcomer.finish(stage.bus, "newcomer")
    assert await stage.probe.heard("quick") == {"ord_1": numbers(5)}
    assert await stage.probe.heard("newcomer") == {"ord_1": ["4"]}


async def take(stage: Stage, group: str) -> Batch:
    """What a member gets that leaves without handling it."""
    subscription = await stage.bus.subscribe(group, [TOPIC])
    try:
        async with asyncio.timeout(30):
            while (batch := await subscription.poll(500, 0.1)) is None:
                pass
        return batch
    finally:
        await subscription.close()
