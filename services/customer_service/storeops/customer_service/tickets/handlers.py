"""What this area does when orders tells of an order. Stock events open no ticket: orders says what a shortage means."""

from collections.abc import Sequence

from storeops.common.contracts.base import Event
from storeops.common.contracts.orders import (
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderHeld,
    OrderHoldReleased,
    OrderShipBreached,
    OrderShipDueSoon,
    OrderShipLate,
    OrderShipped,
)
from storeops.common.db import WriteSession
from storeops.customer_service.events import events
from storeops.customer_service.tickets.commands.facts import lock_told, record_order_facts


@events.lock_first
async def lock_tickets(session: WriteSession, told: Sequence[Event]) -> None:
    """Several facts about several orders came in together."""
    await lock_told(session, [event for event in told if isinstance(event, OrderEvent)])


@events.on(OrderHeld, OrderShipDueSoon, OrderShipLate, OrderShipBreached, batch=500)
async def tell_of_delays(session: WriteSession, facts: Sequence[OrderEvent]) -> None:
    """One ticket per order, however many deadlines it passes (CSV-8)."""
    await record_order_facts(session, facts)


@events.on(OrderHoldReleased, OrderShipped, OrderCancelled, OrderExpired, batch=500)
async def tell_of_endings(session: WriteSession, facts: Sequence[OrderEvent]) -> None:
    """Nothing about a delay is left to settle once the order shipped or is off."""
    await record_order_facts(session, facts)
