"""Parked messages: seen, replayed in order one transaction each, or dropped with a reason, and all of it audited."""

import asyncio

import asyncpg
import pytest
from storeops.common.bus.base import Message
from storeops.common.consumer import apply, lock_group, park
from storeops.common.contracts.orders import OrderAudited
from storeops.common.events import EventRouter
from storeops.common.ids import uuid7
from storeops.common.parked import (
    ParkedMessageNotFound,
    ReasonMissing,
    drop_parked,
    handle_again,
    list_parked,
    parked_at,
    replay_parked,
    show_parked,
)
from storeops.common.testing.probe import NOON, SERVICE, TOPIC, Probe, listener


def message(key: str, sequence: int, *, topic: str = TOPIC) -> Message:
    event = OrderAudited(order_id=key, store_id="sto_1", occurred_at=NOON, by=str(sequence))
    return Message(
        topic=topic,
        partition=0,
        offset=sequence,
        event_id=str(uuid7()),
        type=OrderAudited.type,
        key=key,
        sequence=sequence,
        store_id="sto_1",
        occurred_at=NOON,
        headers="{}",
        payload=event.model_dump_json(),
    )


async def set_aside(probe: Probe, *messages: Message, group: str = "g") -> None:
    async with probe.transaction() as session:
        await park(session, group, [(one, "why", "trace") for one in messages])


async def waiting(probe: Probe, group: str | None = None) -> list[tuple[str, int]]:
    async with probe.reading() as session:
        return [(parked.message.key, parked.message.sequence) for parked in await list_parked(session, group)]


async def audit(probe: Probe) -> list[tuple[str, str, str, int]]:
    async with probe.reading() as session:
        rows = await session.fetch("SELECT actor, action, key, sequence FROM probe.parked_audit ORDER BY id")
    return [tuple(row) for row in rows]


async def replay(probe: Probe, router: EventRouter, **which: str | bool) -> list[tuple[str, int, str]]:
    verdicts = await replay_parked(probe.database, SERVICE, router, actor="staff_1", **which)  # pyright: ignore[reportArgumentType] - the keywords differ from case to case
    return [(verdict.key, verdict.sequence, verdict.outcome) for verdict in verdicts]


def refusing(*notes: str) -> EventRouter:
    def refuse(event: OrderAudited) -> None:
        if event.by in notes:
            raise ZeroDivisionError(event.by)

    return listener("g", refuse=refuse)


async def test_they_are_listed_per_group_in_order_and_shown_whole(probe: Probe) -> None:
    late, early, other = message("ord_1", 2), message("ord_1", 1), message("ord_0", 1)
    await set_aside(probe, late, early, other)
    await set_aside(probe, early, group="archive")

    assert await waiting(probe) == [("ord_1", 1), ("ord_0", 1), ("ord_1", 1), ("ord_1", 2)]
    assert await waiting(probe, "g") == [("ord_0", 1), ("ord_1", 1), ("ord_1", 2)]
    async with probe.reading() as session:
        shown = await show_parked(session, early.event_id)
        with pytest.raises(ParkedMessageNotFound):
            await show_parked(session, "17")
    assert [(parked.group, parked.message, parked.error, parked.trace) for parked in shown] == [
        ("archive", early, "why", "trace"),
        ("g", early, "why", "trace"),
    ]


async def test_a_key_replays_in_order_and_stops_at_what_fails_again(probe: Probe) -> None:
    await set_aside(probe, *(message("ord_1", n) for n in (3, 1, 2)), message("ord_2", 1))

    assert await replay(probe, refusing("2")) == [
        ("ord_1", 1, "replayed"),
        ("ord_1", 2, "failed"),
        ("ord_1", 3, "waits"),
        ("ord_2", 1, "replayed"),
    ]

    assert await probe.heard() == {"ord_1": ["1"], "ord_2": ["1"]}
    async with probe.reading() as session:
        [failed, behind] = await list_parked(session)
    assert failed.error == "ZeroDivisionError('2')"
    assert "refuse" in failed.trace
    assert behind.error == "why"
    assert await replay(probe, refusing()) == [("ord_1", 2, "replayed"), ("ord_1", 3, "replayed")]
    assert await probe.heard() == {"ord_1": ["1", "2", "3"], "ord_2": ["1"]}
    assert await audit(probe) == [
        ("staff_1", "replayed", "ord_1", 1),
        ("staff_1", "failed", "ord_1", 2),
        ("staff_1", "replayed", "ord_2", 1),
        ("staff_1", "replayed", "ord_1", 2),
        ("staff_1", "replayed", "ord_1", 3),
    ]


async def test_one_key_or_one_topic_can_be_replayed(probe: Probe) -> None:
    await set_aside(probe, message("ord_1", 1), message("ord_2", 1), message("ord_3", 1, topic="ticket"))

    assert await replay(probe, refusing(), key="ord_2") == [("ord_2", 1, "replayed")]
    assert await replay(probe, refusing(), topic="ticket") == [("ord_3", 1, "replayed")]
    assert await replay(probe, refusing(), topic="ticket", key="ord_1") == []
    assert await waiting(probe) == [("ord_1", 1)]


async def test_a_dry_run_says_what_would_happen_and_changes_nothing(probe: Probe) -> None:
    known, sick, behind = message("ord_1", 1), message("ord_1", 2), message("ord_1", 3)
    async with probe.transaction() as session:
        await apply(session, listener("g"), [known])
    await set_aside(probe, known, sick, behind, message("ord_2", 1))
    before = (await probe.effects(), await waiting(probe))

    assert await replay(probe, refusing("2"), dry_run=True) == [
        ("ord_1", 1, "already handled"),
        ("ord_1", 2, "failed"),
        ("ord_1", 3, "waits"),
        ("ord_2", 1, "would be handled"),
    ]

    assert (await probe.effects(), await waiting(probe)) == before
    assert await audit(probe) == []


async def test_what_was_handled_already_has_no_second_effect(probe: Probe) -> None:
    known = message("ord_1", 1)
    async with probe.transaction() as session:
        await apply(session, listener("g"), [known])
    await set_aside(probe, known)

    assert await replay(probe, refusing()) == [("ord_1", 1, "already handled")]

    assert await probe.heard() == {"ord_1": ["1"]}
    assert await waiting(probe) == []


async def test_replays_at_once_and_what_arrives_meanwhile_keep_the_keys_order(probe: Probe) -> None:
    await set_aside(probe, *(message("ord_1", n) for n in range(1, 6)))
    arriving = [message("ord_1", n) for n in range(6, 16)]

    async def arrive() -> None:
        for one in arriving:
            async with probe.transaction() as session:
                await apply(session, listener("g"), [one])

    await asyncio.gather(replay(probe, refusing()), arrive(), replay(probe, refusing()))
    await replay(probe, refusing())

    assert await probe.heard() == {"ord_1": [str(n) for n in range(1, 16)]}
    assert await waiting(probe) == []


async def test_what_comes_while_a_replay_ends_is_handled_and_not_left_behind(probe: Probe) -> None:
    first, second = message("ord_1", 1), message("ord_1", 2)
    router = refusing()
    await set_aside(probe, first)

    async def arrive() -> None:
        async with probe.transaction() as session:
            await apply(session, router, [second])

    async with probe.transaction() as replaying:
        await lock_group(replaying, "g")
        [parked] = await parked_at(replaying, "g", (TOPIC, "ord_1"))
        await handle_again(replaying, router, parked)
        arriving = asyncio.create_task(arrive())
        async with asyncio.timeout(30):
            while not await waits_for_a_lock(probe):
                assert not arriving.done()
    await arriving

    assert await probe.heard() == {"ord_1": ["1", "2"]}
    assert await waiting(probe) == []


async def waits_for_a_lock(probe: Probe) -> bool:
    """Whether anybody in this database waits for an advisory lock."""
    async with probe.reading() as session:
        return await session.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database AS d ON d.oid = database "
            "WHERE locktype = 'advisory' AND NOT granted AND datname = current_database())"
        )


async def test_dropping_needs_a_reason_is_audited_and_frees_what_waits(probe: Probe) -> None:
    sick, behind = message("ord_1", 1), message("ord_1", 2)
    await set_aside(probe, sick, behind)
    async with probe.transaction() as session:
        with pytest.raises(ReasonMissing):
            await drop_parked(session, sick.event_id, group="g", reason="  ", actor="staff_1")
        with pytest.raises(ParkedMessageNotFound):
            await drop_parked(session, sick.event_id, group="archive", reason="broken", actor="staff_1")
        await drop_parked(session, sick.event_id, group="g", reason="sent twice by the old till", actor="staff_1")
    async with probe.transaction() as session:
        await apply(session, listener("g"), [sick])

    assert await replay(probe, refusing()) == [("ord_1", 2, "replayed")]

    assert await probe.heard() == {"ord_1": ["2"]}
    assert await audit(probe) == [("staff_1", "dropped", "ord_1", 1), ("staff_1", "replayed", "ord_1", 2)]
    async with probe.reading() as session:
        kept = await session.fetchrow("SELECT reason, payload FROM probe.parked_audit WHERE action = 'dropped'")
    assert kept is not None
    assert tuple(kept) == ("sent twice by the old till", sick.payload)


@pytest.mark.parametrize("change", ["UPDATE probe.parked_audit SET reason = ''", "DELETE FROM probe.parked_audit"])
async def test_the_audit_cannot_be_changed(probe: Probe, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with probe.transaction() as session:
            await session.fetch(change)
