"""Figures can be rebuilt from the events at any time and come out the same (REP-9)."""

import random
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import asyncpg
import pytest
from storeops.app.rebuild import RebuildReport, rebuild
from storeops.common.bus.base import Message
from storeops.common.contracts.base import Event
from storeops.common.contracts.customer_service import TicketOpened, TicketReopened, TicketSettled
from storeops.common.contracts.inventory import StockOut, StockRestored
from storeops.common.contracts.orders import (
    OrderAudited,
    OrderCancelled,
    OrderHeld,
    OrderLine,
    OrderPaid,
    OrderPlaced,
    OrderShipLate,
    OrderShipped,
    RefundRequested,
)
from storeops.common.contracts.platform import StaffGranted, StoreChanged, StoreOpened
from storeops.common.contracts.promotions import ListingDelisted, ListingListed
from storeops.common.contracts.reporting import TrafficRecorded
from storeops.common.doctor import examine
from storeops.common.settings import Settings
from storeops.common.testing.harness import Harness
from storeops.reporting.app import service
from storeops.reporting.facts import commands
from storeops.reporting.facts.errors import RebuildOvertaken
from storeops.reporting.facts.rules import FOLDS

START = datetime(2026, 11, 9, 16, tzinfo=UTC)
STORES = ["sto_a", "sto_b"]


class Urls(Protocol):
    def url(self, database: str) -> str: ...


@pytest.fixture
async def admin(cluster: Urls, settings: Settings) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that may do what no service may: break the archive and the facts."""
    connection = await asyncpg.connect(cluster.url(str(settings.database_url).rpartition("/")[2]))
    yield connection
    await connection.close()


def order_life(chance: random.Random, n: int) -> list[Event]:
    """Some order's events, from placing to whatever end chance gives it."""
    at = START + timedelta(minutes=chance.randrange(3 * 1440))
    who: dict[str, Any] = {"order_id": f"ord_{n}", "store_id": chance.choice(STORES)}
    nets = [chance.randrange(100, 9_000) for _ in range(chance.randrange(1, 4))]
    money: dict[str, Any] = {
        "customer_id": f"cus_{chance.randrange(12)}", "placed_at": at, "currency": "CNY", "net": sum(nets),
        "labels": ("synthetic",) * chance.randrange(2),
        "lines": tuple(
            OrderLine(line_no=i, sku=f"SKU-{i}", quantity=1, gross=net + 10, discount=10, net=net)
            for i, net in enumerate(nets, 1)
        ),
    }  # fmt: skip
    gross: dict[str, Any] = {"gross": sum(nets) + 10 * len(nets), "discount": 10 * len(nets), "payable": sum(nets)}
    events: list[Event] = [OrderPlaced(occurred_at=at, channel="jd", **gross, **who, **money)]
    if chance.random() < 0.2:
        off: dict[str, Any] = {"reason": "customer", "was_paid": False, "placed_at": at, "net": sum(nets)}
        return [*events, OrderCancelled(occurred_at=at, **off, **who)]
    events.append(OrderPaid(occurred_at=at, paid_at=at, amount=sum(nets), **who, **money))
    hold: dict[str, Any] = {"kind": "audit", "reason": "?", "deadline": None}
    events += [
        OrderHeld(hold_id=f"hld_{i}", occurred_at=at + timedelta(hours=i), **hold, **who)
        for i in range(chance.randrange(3))
    ]
    events.append(OrderAudited(by="system", occurred_at=at, **who))
    clocks: dict[str, Any] = {"paid_at": at, "late_at": at + timedelta(hours=24), "breach_at": at + timedelta(hours=48)}
    took = timedelta(hours=chance.randrange(1, 40))
    if took > timedelta(hours=24):
        late = at + timedelta(hours=24)
        events.append(OrderShipLate(due_at=late, reason="packing", occurred_at=late, **clocks, **who))
    events.append(OrderShipped(shipped_at=at + took, occurred_at=at + took, **clocks, **who))
    events += [
        RefundRequested(refund_id=f"rfd_{n}_{i}", amount=50, currency="CNY", reason="?", occurred_at=at, **who)
        for i in range(chance.randrange(3))
    ]
    return events


def other_lives(chance: random.Random) -> list[list[Event]]:
    """Stores, cases, stock, shelf and traffic; and what no fact is made of."""
    lives: list[list[Event]] = []
    facts: dict[str, Any] = {"brand_id": "brd_1", "channel": "jd", "time_zone": "Asia/Shanghai", "currency": "CNY"}
    for store_id in STORES:
        store: dict[str, Any] = {"store_id": store_id, "occurred_at": START}
        lives.append([StoreOpened(name="A", **store, **facts), StoreChanged(name="B", **store, **facts)])
        lives.append([
            event(sku="SKU-1", available=0, **store) for _ in range(chance.randrange(5))
            for event in (StockOut, StockRestored)
        ])  # fmt: skip
        shelf: dict[str, Any] = {"listing_id": f"lst_{store_id}", "sku": "SKU-1", "by": "system", "reason": "?"}
        lives.append([event(**shelf, **store) for event in (ListingListed, ListingDelisted, ListingListed)])
        lives.append([
            TrafficRecorded(day=date(2026, 11, 11), source="search", terminal="pc", visitors=chance.randrange(99),
                page_views=99, provider=chance.choice(["own", "sycm"]), **store)
            for _ in range(6)
        ])  # fmt: skip
    for n in range(8):
        case: dict[str, Any] = {
            "ticket_id": f"tkt_{n}", "store_id": STORES[n % 2], "order_id": f"ord_{n}", "kind": "shipping_delay",
            "settle_by": START + timedelta(hours=24 + n), "occurred_at": START + timedelta(hours=n),
        }  # fmt: skip
        opened: dict[str, Any] = {"reason": "?", "deadline": None}
        settled: dict[str, Any] = {"outcome": "wait", "by": "system", "opened_at": START}
        life: list[Event] = [
            TicketOpened(**opened, **case),
            TicketSettled(**settled, **case),
            TicketReopened(**opened, **case),
        ]
        lives.append([*life, TicketSettled(**settled, **case)][: n % 5])
    lives.append([StaffGranted(staff_id="sta_1", grant_id="grt_1", role="agent", scope="all", occurred_at=START)])
    return lives


def interleaved(chance: random.Random, lives: Iterable[Iterable[Any]]) -> list[Any]:
    """Everything in some order that keeps the order within each life."""
    waiting = [deque(life) for life in lives]
    mixed: list[Any] = []
    while waiting := [life for life in waiting if life]:
        mixed.append(chance.choice(waiting).popleft())
    return mixed


def some_days(seed: int, orders: int = 60) -> list[Event]:
    """Three days of two stores, by chance."""
    chance = random.Random(seed)
    return interleaved(chance, [*(order_life(chance, n) for n in range(orders)), *other_lives(chance)])


async def tell(harness: Harness, events: Sequence[Event]) -> None:
    await harness.publish_from("reporting", *events)
    await harness.drain()


async def facts(admin: "asyncpg.Connection[asyncpg.Record]") -> dict[str, list[str]]:
    """Every row of every table of facts, as text."""
    return {
        fold.table: [row[0] for row in await admin.fetch(f"SELECT t::text FROM reporting.{fold.table} t ORDER BY 1")]
        for fold in FOLDS
    }


async def rebuilt(harness: Harness, seen: list[tuple[int, int]] | None = None) -> RebuildReport:
    def progress(done: int, total: int) -> None:
        if seen is not None:
            seen.append((done, total))

    return await rebuild(harness.parts.databases["reporting"], progress=progress)


async def test_a_rebuild_comes_out_the_same(
    harness: Harness, admin: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    events = some_days(1)
    await tell(harness, events)
    before = await facts(admin)
    assert all(before.values())
    monkeypatch.setattr("storeops.app.rebuild.STEP", 37)
    seen: list[tuple[int, int]] = []

    report = await rebuilt(harness, seen)

    assert (report.events, report.differing) == (len(events), 0)
    assert {table.table: table.rows for table in report.tables} == {name: len(rows) for name, rows in before.items()}
    assert seen[0] == (0, len(events))
    assert seen[-1] == (len(events), len(events))
    assert await facts(admin) == before


@pytest.mark.parametrize("seed", range(3))
async def test_order_between_keys_and_repeats_make_no_difference(
    harness: Harness, admin: "asyncpg.Connection[asyncpg.Record]", seed: int
) -> None:
    await tell(harness, some_days(2))
    before = await facts(admin)
    rows = await admin.fetch("SELECT * FROM reporting.archived_event ORDER BY position")
    lives: dict[tuple[str, str], list[Message]] = defaultdict(list)
    for row in rows:
        told: dict[str, Any] = dict(row) | {"event_id": str(row["event_id"]), "offset": 0}
        lives[row["topic"], row["key"]].append(Message(*(told[field] for field in Message._fields)))
    await admin.execute(f"TRUNCATE reporting.archived_event, {', '.join(f'reporting.{f.table}' for f in FOLDS)}")
    await admin.execute("UPDATE reporting.fold SET position = 0")

    chance = random.Random(seed)
    messages = interleaved(chance, lives.values())
    while messages:
        size = chance.randrange(1, 40)
        batch, messages = messages[:size], messages[size:]
        for part in (batch, chance.choices(batch, k=3)):
            async with harness.transaction("reporting") as session:
                await commands.record_events(session, part)

    assert await facts(admin) == before
    assert (await rebuilt(harness)).differing == 0


async def test_a_rebuild_finds_and_mends_what_is_wrong(
    harness: Harness, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await tell(harness, some_days(3))
    before = await facts(admin)
    await admin.execute("UPDATE reporting.order_fact SET net = net + 1 WHERE order_id = 'ord_1'")
    await admin.execute("DELETE FROM reporting.order_fact WHERE order_id = 'ord_2'")
    await admin.execute("INSERT INTO reporting.stock_fact VALUES ('sto_a', 'SKU-9', 1, 'out', $1)", START)

    report = await rebuilt(harness)

    assert {table.table: table.differing for table in report.tables if table.differing} == {
        "order_fact": 2,
        "stock_fact": 1,
    }
    assert await facts(admin) == before
    assert (await rebuilt(harness)).differing == 0


async def test_events_that_come_during_a_rebuild_are_in_it(harness: Harness) -> None:
    await tell(harness, some_days(4, orders=10))
    async with harness.transaction("reporting") as session:
        total = await commands.begin_rebuild(session)
    async with harness.transaction("reporting") as session:
        await commands.fold_shadow(session, 0, total)
    await tell(harness, [event for n in range(100, 110) for event in order_life(random.Random(n), n)])
    async with harness.transaction("reporting") as session:
        compared = await commands.finish_rebuild(session, total)
    assert [table.differing for table in compared] == [0] * len(FOLDS)


async def test_a_rebuild_gives_way_to_a_later_one(harness: Harness) -> None:
    await tell(harness, some_days(5, orders=10))
    async with harness.transaction("reporting") as session:
        total = await commands.begin_rebuild(session)
    async with harness.transaction("reporting") as session:
        await commands.fold_shadow(session, 0, total)
    assert (await rebuilt(harness)).differing == 0
    async with harness.transaction("reporting") as session:
        await commands.begin_rebuild(session)
    with pytest.raises(RebuildOvertaken):
        async with harness.transaction("reporting") as session:
            await commands.fold_shadow(session, total, total)


@pytest.mark.parametrize(
    "change", ["UPDATE reporting.archived_event SET key = key", "DELETE FROM reporting.archived_event"]
)
async def test_what_is_archived_stays(harness: Harness, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with harness.transaction("reporting") as session:
            await session.fetch(change)


async def test_the_doctor_sees_gaps_and_false_sales(
    harness: Harness, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await tell(harness, some_days(6))
    database = harness.parts.databases["reporting"]
    assert [finding for finding in await examine(database, "reporting", service.invariants) if finding.broken] == []
    await admin.execute("DELETE FROM reporting.archived_event WHERE type = 'order.placed.v1' AND key = 'ord_1'")
    await admin.execute(
        "UPDATE reporting.order_fact SET net = net + 1 WHERE paid_at IS NOT NULL AND store_id = 'sto_a'"
    )
    await admin.execute("UPDATE reporting.fold SET position = position - 1")
    broken = {f.sentence: f.broken for f in await examine(database, "reporting", service.invariants) if f.broken}
    assert list(broken.values()) == [1, 1, 1]
