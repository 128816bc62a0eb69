"""Paid orders ship within 24 hours, and no customer finds out first when they don't (ORD-3, ORD-4)."""

from datetime import timedelta

from storeops.common.testing.shop import Shop, Ticket


def kinds(ticket: Ticket) -> list[str]:
    """The history but for the ticket's own deadlines."""
    return [fact.kind for fact in ticket.history if fact.kind not in ("escalated", "overdue")]


async def test_customer_service_hears_of_a_delay_before_the_customer_does(shop: Shop) -> None:
    order = await shop.paid_order(lines={"TEA-250": 2})
    assert order.paid_at is not None

    await shop.advance(hours=19, minutes=59)
    assert await shop.tickets(order) == []
    await shop.advance(minutes=1)
    [ticket] = await shop.tickets(order)
    assert (ticket.kind, ticket.reason, ticket.state) == ("shipping_delay", "packing", "open")
    assert ticket.deadline == order.paid_at + timedelta(hours=24)

    await shop.advance(hours=4)
    await shop.ship(order)
    await shop.advance(hours=24)
    ticket = await shop.ticket(ticket.id)
    assert kinds(ticket) == ["ship_due_soon", "ship_late", "shipped"]
    assert (ticket.state, ticket.outcome) == ("settled", "resolved")


async def test_an_order_that_ships_in_time_makes_no_ticket(shop: Shop) -> None:
    order = await shop.paid_order(lines={"TEA-250": 2})
    await shop.advance(hours=19)
    await shop.ship(order)
    await shop.advance(hours=48)
    assert (await shop.order(order.id)).phase == "shipped"
    assert await shop.tickets(order) == []


async def test_an_order_that_never_ships_has_one_ticket_through_all_deadlines(shop: Shop) -> None:
    order = await shop.paid_order(lines={"TEA-250": 2})
    await shop.advance(hours=72)
    [ticket] = await shop.tickets(order)
    assert kinds(ticket) == ["ship_due_soon", "ship_late", "ship_breached"]
    assert (ticket.state, "overdue" in [fact.kind for fact in ticket.history]) == ("open", True)


async def test_a_shortage_is_told_at_once_and_ends_with_the_goods(shop: Shop) -> None:
    order = await shop.channel_order({"CUP-1": 3})
    [ticket] = await shop.tickets(order)
    assert kinds(ticket) == ["held"]
    assert "CUP-1" in ticket.reason
    assert order.paid_at is not None
    assert ticket.deadline == order.paid_at + timedelta(hours=24)

    await shop.settle(ticket, "wait")
    assert (await shop.order(order.id)).excused
    await shop.advance(hours=10)
    await shop.receive({"CUP-1": 5})
    await shop.ship(order)
    await shop.advance(hours=48)
    assert (await shop.order(order.id)).phase == "shipped"
    ticket = await shop.ticket(ticket.id)
    assert kinds(ticket) == ["held", "settled", "hold_released", "shipped"]
    assert ticket.outcome == "wait"


async def test_who_waits_is_asked_again_when_48_hours_are_broken(shop: Shop) -> None:
    order = await shop.channel_order({"CUP-1": 3})
    [ticket] = await shop.tickets(order)
    await shop.settle(ticket, "wait")
    await shop.advance(hours=47)
    assert (await shop.ticket(ticket.id)).state == "settled"
    await shop.advance(hours=1)
    again = await shop.ticket(ticket.id)
    assert (again.state, kinds(again)[-1]) == ("open", "ship_breached")

    await shop.settle(again, "refund")
    cancelled = await shop.order(order.id)
    assert (cancelled.phase, cancelled.cancel_reason) == ("cancelled", "settled")
    [refund] = (await shop.get("/v1/refunds", store_id=shop.store_id))["items"]
    assert (refund["order_id"], refund["amount"]) == (order.id, "10.00")
    assert kinds(await shop.ticket(ticket.id))[-2:] == ["settled", "cancelled"]


async def test_in_a_rush_the_warning_comes_before_48_hours(shop: Shop) -> None:
    now = await shop.time.now()
    rush = {"store_id": shop.store_id, "from": now.isoformat(), "to": (now + timedelta(days=1)).isoformat()}
    await shop.post("/v1/ship-rushes", rush)
    order = await shop.paid_order(lines={"TEA-250": 1})
    await shop.advance(hours=43, minutes=59)
    assert await shop.tickets(order) == []
    await shop.advance(hours=4)
    [ticket] = await shop.tickets(order)
    assert kinds(ticket) == ["ship_due_soon"]
    await shop.advance(minutes=1)
    assert kinds(await shop.ticket(ticket.id)) == ["ship_due_soon", "ship_breached"]
