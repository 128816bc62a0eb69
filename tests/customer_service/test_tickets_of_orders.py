"""Tickets that the events of orders open, tell, reopen and resolve (ORD-3, ORD-4, CSV-8)."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from storeops.common.contracts.customer_service import TicketOpened, TicketReopened, TicketSettled
from storeops.common.contracts.orders import (
    OrderCancelled,
    OrderEvent,
    OrderHeld,
    OrderHoldReleased,
    OrderShipBreached,
    OrderShipDueSoon,
    OrderShipLate,
    OrderShipped,
    ShipDeadlineEvent,
)
from storeops.common.doctor import examine
from storeops.common.ids import new_id
from storeops.common.testing.harness import Harness
from storeops.customer_service.app import service
from storeops.customer_service.tickets.commands.facts import record_order_facts

STORE = new_id("sto")
HOUR = timedelta(hours=1)
AFTER: dict[type[ShipDeadlineEvent], timedelta] = {
    OrderShipDueSoon: 20 * HOUR,
    OrderShipLate: 24 * HOUR,
    OrderShipBreached: 48 * HOUR,
}


def reached(
    kind: type[ShipDeadlineEvent],
    order_id: str,
    paid_at: datetime,
    *,
    reason: str = "packing",
    in_rush: bool = False,
    excused: bool = False,
) -> ShipDeadlineEvent:
    due_at = paid_at + AFTER[kind]
    return kind(
        order_id=order_id,
        store_id=STORE,
        paid_at=paid_at,
        due_at=due_at,
        late_at=paid_at + 24 * HOUR,
        breach_at=paid_at + 48 * HOUR,
        reason=reason,
        in_rush=in_rush,
        excused=excused,
        occurred_at=due_at,
    )


def held(order_id: str, paid_at: datetime, *, reason: str = "2 pieces of TEA-250 are missing") -> OrderHeld:
    return OrderHeld(
        order_id=order_id,
        store_id=STORE,
        hold_id=new_id("hld"),
        kind="shortage",
        reason=reason,
        deadline=paid_at + 24 * HOUR,
        occurred_at=paid_at,
    )


def shipped(order_id: str, paid_at: datetime, at: datetime) -> OrderShipped:
    return OrderShipped(
        order_id=order_id,
        store_id=STORE,
        paid_at=paid_at,
        shipped_at=at,
        late_at=paid_at + 24 * HOUR,
        breach_at=paid_at + 48 * HOUR,
        occurred_at=at,
    )


async def tell(harness: Harness, *events: OrderEvent) -> None:
    await harness.publish_from("orders", *events)
    await harness.drain()


async def tickets_of(harness: Harness, order_id: str) -> list[dict[str, Any]]:
    client = await harness.client()
    listed = (await client.get("/v1/tickets", params={"order_id": order_id})).json()["items"]
    return [(await client.get(f"/v1/tickets/{ticket['ticket_id']}")).json() for ticket in listed]


async def ticket_of(harness: Harness, order_id: str) -> dict[str, Any]:
    [ticket] = await tickets_of(harness, order_id)
    return ticket


def kinds(ticket: dict[str, Any]) -> list[str]:
    """The history but for the ticket's own deadlines, which test_ticket_deadlines is about."""
    return [fact["kind"] for fact in ticket["history"] if fact["kind"] not in ("escalated", "overdue")]


async def settle(harness: Harness, ticket: dict[str, Any], outcome: str) -> None:
    client = await harness.client()
    answer = await client.post(f"/v1/tickets/{ticket['ticket_id']}/settle", json={"outcome": outcome})
    assert answer.status_code == 200, answer.text
    await harness.drain()


async def require_sound(harness: Harness) -> None:
    findings = await examine(harness.parts.databases["customer_service"], "customer_service", service.invariants)
    assert [finding for finding in findings if finding.broken] == []


async def test_a_storm_of_events_makes_one_ticket_with_a_history(harness: Harness) -> None:
    paid_at, order = await harness.now() - 48 * HOUR, new_id("ord")
    await tell(
        harness,
        held(order, paid_at),
        reached(OrderShipDueSoon, order, paid_at, reason="shortage"),
        reached(OrderShipLate, order, paid_at, reason="packing"),
        reached(OrderShipBreached, order, paid_at, reason="handover"),
    )

    ticket = await ticket_of(harness, order)
    assert kinds(ticket) == ["held", "ship_due_soon", "ship_late", "ship_breached"]
    assert (ticket["kind"], ticket["state"], ticket["reason"]) == ("shipping_delay", "open", "handover")
    [opened] = await harness.published(TicketOpened)
    assert (opened.order_id, opened.reason) == (order, "2 pieces of TEA-250 are missing")
    assert opened.deadline == paid_at + 24 * HOUR
    assert opened.settle_by == paid_at + 24 * HOUR
    await require_sound(harness)


async def test_an_event_that_comes_again_changes_nothing(harness: Harness) -> None:
    paid_at, order = await harness.now() - 48 * HOUR, new_id("ord")
    warning = reached(OrderShipDueSoon, order, paid_at)
    await tell(harness, warning)
    before = await ticket_of(harness, order)
    await tell(harness, warning)
    assert await ticket_of(harness, order) == before


async def test_two_facts_at_the_same_time_make_one_ticket(harness: Harness) -> None:
    paid_at = await harness.now() - 48 * HOUR
    orders = sorted(new_id("ord") for _ in range(40))

    async def record(kind: type[ShipDeadlineEvent], names: list[str]) -> None:
        async with harness.transaction("customer_service") as session:
            await record_order_facts(session, [reached(kind, order, paid_at) for order in names])

    await asyncio.gather(record(OrderShipDueSoon, orders), record(OrderShipLate, orders[::-1]))
    await harness.drain()
    for order in (orders[0], orders[-1]):
        assert sorted(kinds(await ticket_of(harness, order))) == ["ship_due_soon", "ship_late"]
    assert len(await harness.published(TicketOpened)) == len(orders)
    await require_sound(harness)


async def test_hundreds_of_orders_at_once_each_get_their_ticket(harness: Harness) -> None:
    paid_at = await harness.now() - 48 * HOUR
    orders = [new_id("ord") for _ in range(300)]
    await tell(harness, *(reached(OrderShipDueSoon, order, paid_at) for order in orders))
    await tell(harness, *(shipped(order, paid_at, paid_at + 21 * HOUR) for order in orders))
    settled = await harness.published(TicketSettled)
    assert {event.order_id for event in settled} == set(orders)
    assert {(event.outcome, event.by) for event in settled} == {("resolved", "system")}
    await require_sound(harness)


async def test_orders_of_a_rush_make_no_ticket_at_24_hours(harness: Harness) -> None:
    paid_at, order = await harness.now() - 48 * HOUR, new_id("ord")
    await tell(harness, reached(OrderShipLate, order, paid_at, in_rush=True))
    assert await tickets_of(harness, order) == []

    await tell(harness, reached(OrderShipBreached, order, paid_at, in_rush=True))
    assert kinds(await ticket_of(harness, order)) == ["ship_breached"]


async def test_late_in_a_rush_is_told_to_a_ticket_that_there_is(harness: Harness) -> None:
    paid_at, order = await harness.now() - 48 * HOUR, new_id("ord")
    await tell(harness, held(order, paid_at), reached(OrderShipLate, order, paid_at, in_rush=True))
    assert kinds(await ticket_of(harness, order)) == ["held", "ship_late"]


async def test_an_order_that_ships_resolves_its_open_ticket(harness: Harness) -> None:
    paid_at, order = await harness.now() - 22 * HOUR, new_id("ord")
    await tell(harness, reached(OrderShipDueSoon, order, paid_at))
    await tell(harness, shipped(order, paid_at, paid_at + 21 * HOUR))

    ticket = await ticket_of(harness, order)
    assert kinds(ticket) == ["ship_due_soon", "shipped"]
    assert (ticket["state"], ticket["outcome"], ticket["settled_by"]) == ("settled", "resolved", "system")
    await harness.advance(hours=48)
    assert (await ticket_of(harness, order)) == ticket
    await require_sound(harness)


async def test_what_is_told_late_of_an_order_that_left_makes_no_case(harness: Harness) -> None:
    paid_at, order, other = await harness.now() - 50 * HOUR, new_id("ord"), new_id("ord")
    left_at = paid_at + 49 * HOUR
    await tell(harness, held(order, paid_at))
    for order_id in (order, other):
        breach = reached(OrderShipBreached, order_id, paid_at).model_copy(update={"shipped_at": left_at})
        await tell(harness, shipped(order_id, paid_at, left_at), breach)

    ticket = await ticket_of(harness, order)
    assert (ticket["outcome"], kinds(ticket)) == ("resolved", ["held", "shipped", "ship_breached"])
    assert await tickets_of(harness, other) == []


async def test_an_order_that_is_cancelled_resolves_its_open_ticket(harness: Harness) -> None:
    now, order = await harness.now(), new_id("ord")
    off = OrderCancelled(
        order_id=order, store_id=STORE, reason="customer", was_paid=True, placed_at=now, net=100, occurred_at=now
    )
    await tell(harness, held(order, now), off)
    assert (await ticket_of(harness, order))["outcome"] == "resolved"


async def test_a_lifted_hold_is_told_and_settles_nothing(harness: Harness) -> None:
    now, order = await harness.now(), new_id("ord")
    hold = held(order, now)
    lifted = OrderHoldReleased(
        order_id=order, store_id=STORE, hold_id=hold.hold_id, kind="shortage", by="system", occurred_at=now
    )
    await tell(harness, hold, lifted)
    ticket = await ticket_of(harness, order)
    assert (kinds(ticket), ticket["state"]) == (["held", "hold_released"], "open")


async def test_who_agreed_to_wait_is_not_asked_again_about_the_same_until_the_breach(harness: Harness) -> None:
    paid_at, order = await harness.now() - 20 * HOUR, new_id("ord")
    await tell(harness, reached(OrderShipDueSoon, order, paid_at))
    await settle(harness, await ticket_of(harness, order), "wait")

    await harness.advance(hours=4)
    await tell(harness, reached(OrderShipLate, order, paid_at, excused=True))
    waiting = await ticket_of(harness, order)
    assert (waiting["state"], waiting["outcome"]) == ("settled", "wait")
    assert kinds(waiting) == ["ship_due_soon", "settled", "ship_late"]

    await harness.advance(hours=24)
    await tell(harness, reached(OrderShipBreached, order, paid_at))
    again = await ticket_of(harness, order)
    assert (again["ticket_id"], again["state"], again["outcome"]) == (waiting["ticket_id"], "open", None)
    [reopened] = await harness.published(TicketReopened)
    assert reopened.settle_by == paid_at + 72 * HOUR
    assert datetime.fromisoformat(again["settle_by"]) == reopened.settle_by
    await require_sound(harness)

    await settle(harness, again, "cancel")
    assert [event.outcome for event in await harness.published(TicketSettled)] == ["wait", "cancel"]


async def test_another_delay_is_another_question_to_who_agreed_to_wait(harness: Harness) -> None:
    paid_at, order = await harness.now() - 20 * HOUR, new_id("ord")
    await tell(harness, held(order, paid_at))
    first = await ticket_of(harness, order)
    await settle(harness, first, "wait")
    await tell(harness, reached(OrderShipDueSoon, order, paid_at, reason="shortage", excused=True))
    assert (await ticket_of(harness, order))["state"] == "settled"

    await tell(harness, reached(OrderShipLate, order, paid_at, reason="packing", excused=True))
    again = await ticket_of(harness, order)
    assert (again["ticket_id"], again["state"], again["reason"]) == (first["ticket_id"], "open", "packing")
    await settle(harness, again, "wait")

    await tell(harness, held(order, paid_at, reason="short of TEA-250 (0 of 2)"))
    again = await ticket_of(harness, order)
    assert (again["state"], again["reason"]) == ("open", "short of TEA-250 (0 of 2)")
    assert len(await harness.published(TicketOpened)) == 1
    assert [event.reason for event in await harness.published(TicketReopened)] == ["packing", again["reason"]]
    await require_sound(harness)


async def test_a_settled_ticket_keeps_what_is_told_later(harness: Harness) -> None:
    paid_at, order = await harness.now() - 20 * HOUR, new_id("ord")
    await tell(harness, held(order, paid_at))
    await settle(harness, await ticket_of(harness, order), "wait")
    await tell(harness, shipped(order, paid_at, paid_at + 20 * HOUR))
    ticket = await ticket_of(harness, order)
    assert (ticket["state"], kinds(ticket)) == ("settled", ["held", "settled", "shipped"])


async def test_a_parcel_that_crossed_its_cancelling_opens_the_ticket_again(harness: Harness) -> None:
    paid_at, order = await harness.now() - 20 * HOUR, new_id("ord")
    await tell(harness, held(order, paid_at))
    await settle(harness, await ticket_of(harness, order), "cancel")
    await tell(harness, shipped(order, paid_at, await harness.now()))
    ticket = await ticket_of(harness, order)
    assert (ticket["state"], ticket["outcome"]) == ("open", None)
    assert kinds(ticket) == ["held", "settled", "shipped"]
    [reopened] = await harness.published(TicketReopened)
    assert reopened.reason == ticket["reason"] == "shipped, though settled to cancel"
    await require_sound(harness)
