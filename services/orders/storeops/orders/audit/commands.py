"""Reviews paid orders, and places and lifts holds. Sends nothing to a warehouse: fulfillment hears of it by events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from storeops.common.contracts.inventory import StockShort
from storeops.common.contracts.orders import OrderAudited, OrderEvent, OrderHeld, OrderHoldReleased, SkuQuantity
from storeops.common.db import WriteSession
from storeops.common.http.etags import VersionStale
from storeops.common.ids import new_id
from storeops.common.outbox import publish
from storeops.orders.audit import queries, rules
from storeops.orders.audit.errors import HoldNotReleasable, HoldReleased, OrderNotHoldable
from storeops.orders.audit.queries import OpenHold
from storeops.orders.audit.rules import FindingFacts, HoldKind, Review
from storeops.orders.audit.schemas import HoldRead
from storeops.orders.customers.queries import contacts_of
from storeops.orders.customers.rules import ContactFacts
from storeops.orders.intake.commands.deciding import record_shortages
from storeops.orders.intake.commands.telling import publish_all
from storeops.orders.intake.queries import lock_order, lock_orders
from storeops.orders.intake.rules import OrderFacts, phase


class NewHold(NamedTuple):
    """A hold to place on a locked order; `lines` are the short ones of a shortage."""

    order: OrderFacts
    kind: HoldKind
    reason: str
    lines: tuple[SkuQuantity, ...] = ()

    @property
    def told(self) -> str:
        """The reason that others are told: a person's words may name the buyer and stay in the row."""
        return self.kind if self.kind is HoldKind.MANUAL else self.reason


async def audit_orders(session: WriteSession, order_ids: Sequence[str]) -> None:
    """Review paid orders: they pass, or are held with what was found (ORD-15)."""
    orders = await lock_orders(session, order_ids)
    waiting = [order for order in orders.values() if rules.awaits_review(order)]
    if not waiting:
        return
    contacts = await contacts_of(session, [order.order_id for order in waiting])
    limits = await queries.review_limits(session, {order.store_id for order in waiting})
    found = {
        order.order_id: rules.review_order(
            Review(order, contacts.get(order.order_id, ContactFacts()), limits.get(order.store_id))
        )
        for order in waiting
    }
    await keep_findings(session, {order.order_id: order for order in waiting}, found)
    blocking = {
        order_id: [finding.message for finding in findings if finding.blocks] for order_id, findings in found.items()
    }
    await mark_audited(session, [order for order in waiting if not blocking[order.order_id]], by="system")
    await place_holds(
        session,
        [
            NewHold(order, HoldKind.AUDIT, "; ".join(blocking[order.order_id]))
            for order in waiting
            if blocking[order.order_id]
        ],
        by="system",
    )


async def keep_findings(
    session: WriteSession, orders: Mapping[str, OrderFacts], found: Mapping[str, Sequence[FindingFacts]]
) -> None:
    """Write down what the review noticed."""
    rows = [(orders[order_id], finding) for order_id, findings in found.items() for finding in findings]
    if not rows:
        return
    await session.fetch(
        "INSERT INTO orders.finding (order_id, store_id, code, blocks, message, found_at) SELECT *, $6::timestamptz "
        "FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::text[]) "
        "ON CONFLICT (order_id, code) DO NOTHING",
        [order.order_id for order, _ in rows],
        [order.store_id for order, _ in rows],
        [finding.code for _, finding in rows],
        [finding.blocks for _, finding in rows],
        [finding.message for _, finding in rows],
        await session.now(),
    )


async def mark_audited(session: WriteSession, orders: Sequence[OrderFacts], *, by: str) -> None:
    """Pass locked orders and publish it."""
    if not orders:
        return
    now = await session.now()
    stores = {order.order_id: order.store_id for order in orders}
    rows = await session.fetch(
        "UPDATE orders.sales_order SET audited_at = $1, audited_by = $2, event_sequence = event_sequence + 1, "
        "version = version + 1 WHERE order_id = ANY($3::text[]) RETURNING order_id, event_sequence",
        now,
        by,
        list(stores),
    )
    for row in rows:
        order_id = row["order_id"]
        audited = OrderAudited(occurred_at=now, order_id=order_id, store_id=stores[order_id], by=by)
        publish(session, audited, sequence=row["event_sequence"])


async def place_holds(session: WriteSession, holds: Sequence[NewHold], *, by: str) -> list[str]:
    """Hold locked orders back and tell it with reason and deadline (ORD-4); answers the holds' ids.

    At most one new hold an order and call.
    """
    if not holds:
        return []
    now = await session.now()
    by_order = {hold.order.order_id: (new_id("hld"), hold) for hold in holds}
    rows = await session.fetch(
        "WITH hold AS ("
        "INSERT INTO orders.hold (hold_id, order_id, store_id, kind, reason, placed_at, placed_by) SELECT *, "
        "$6::timestamptz, $7::text FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])) "
        "UPDATE orders.sales_order SET open_holds = open_holds + 1, event_sequence = event_sequence + 1, "
        "version = version + 1 WHERE order_id = ANY($2::text[]) RETURNING order_id, event_sequence",
        [hold_id for hold_id, _ in by_order.values()],
        list(by_order),
        [hold.order.store_id for hold in holds],
        [hold.kind for hold in holds],
        [hold.reason for hold in holds],
        now,
        by,
    )
    for row in rows:
        hold_id, hold = by_order[row["order_id"]]
        held = OrderHeld(
            occurred_at=now,
            order_id=hold.order.order_id,
            store_id=hold.order.store_id,
            hold_id=hold_id,
            kind=hold.kind,
            reason=hold.told,
            deadline=hold.order.late_at,
            lines=hold.lines,
        )
        publish(session, held, sequence=row["event_sequence"])
    return [hold_id for hold_id, _ in by_order.values()]


async def hold_shortages(session: WriteSession, events: Sequence[StockShort]) -> None:
    """Answer shortages: unpaid orders are cancelled, paid ones held until there is stock or a settlement (ORD-4)."""
    paid = {order.order_id: order for order in await record_shortages(session, events)}
    held = {hold.order_id for hold in await queries.open_holds(session, list(paid)) if hold.kind is HoldKind.SHORTAGE}
    short = {event.order_id: event for event in events if event.order_id in paid and event.order_id not in held}
    await place_holds(
        session,
        [
            NewHold(
                paid[order_id],
                HoldKind.SHORTAGE,
                "short of " + ", ".join(f"{line.sku} ({line.available} of {line.wanted})" for line in event.lines),
                tuple(SkuQuantity(sku=line.sku, quantity=line.wanted) for line in event.lines),
            )
            for order_id, event in short.items()
        ],
        by="system",
    )


async def lift_shortages(session: WriteSession, orders: Sequence[OrderFacts]) -> None:
    """Release the shortages of locked orders that have their stock now."""
    held = [order for order in orders if order.open_holds]
    if not held:
        return
    holds = await queries.open_holds(session, [order.order_id for order in held])
    await lift_holds(session, orders, [hold for hold in holds if hold.kind is HoldKind.SHORTAGE], by="system")


async def lift_holds(
    session: WriteSession, orders: Sequence[OrderFacts], holds: Sequence[OpenHold], *, by: str
) -> None:
    """Release holds of locked orders and publish each."""
    if not holds:
        return
    now = await session.now()
    stores = {order.order_id: order.store_id for order in orders}
    rows = await session.fetch(
        "WITH lifted AS (UPDATE orders.hold SET released_at = $1, released_by = $2 WHERE hold_id = ANY($3::text[]) "
        "RETURNING order_id), counted AS (SELECT order_id, count(*) AS n FROM lifted GROUP BY order_id) "
        "UPDATE orders.sales_order AS o SET open_holds = open_holds - n, event_sequence = event_sequence + n, "
        "version = version + 1 FROM counted WHERE o.order_id = counted.order_id "
        "RETURNING o.order_id, o.event_sequence",
        now,
        by,
        [hold.hold_id for hold in holds],
    )
    for row in rows:
        order_id = row["order_id"]
        events: list[OrderEvent] = [
            OrderHoldReleased(
                occurred_at=now,
                order_id=order_id,
                store_id=stores[order_id],
                hold_id=hold.hold_id,
                kind=hold.kind,
                by=by,
            )
            for hold in holds
            if hold.order_id == order_id
        ]
        publish_all(session, events, last=row["event_sequence"])


async def close_holds(session: WriteSession, order_ids: Sequence[str]) -> None:
    """Close what holds locked orders that are off: nothing is left to hold, and their cancelling says so."""
    await session.fetch(
        "WITH closed AS (UPDATE orders.hold SET released_at = $1, released_by = $2 "
        "WHERE order_id = ANY($3::text[]) AND released_at IS NULL) "
        "UPDATE orders.sales_order SET open_holds = 0 WHERE order_id = ANY($3::text[]) AND open_holds > 0",
        await session.now(),
        session.scope.actor,
        list(order_ids),
    )


async def hold_order(session: WriteSession, order_id: str, *, reason: str) -> HoldRead:
    """Hold an order back by hand. Raises `OrderNotFound` and `OrderNotHoldable`."""
    order = await lock_order(session, order_id)
    if not rules.may_be_held(order):
        raise OrderNotHoldable(f"{order_id} is {phase(order)}")
    [hold_id] = await place_holds(session, [NewHold(order, HoldKind.MANUAL, reason)], by=session.scope.actor)
    return await queries.get_hold(session, order_id, hold_id)


async def release_hold(session: WriteSession, order_id: str, hold_id: str) -> HoldRead:
    """Lift a hold by hand; lifting the review's hold is the review, passed by a person (ORD-15).

    Raises `OrderNotFound`, `HoldNotFound`, `HoldReleased`, `HoldNotReleasable`.
    """
    order = await lock_order(session, order_id)
    hold = await queries.get_hold(session, order_id, hold_id)
    if hold.released_at is not None:
        raise HoldReleased(f"{hold_id} was lifted at {hold.released_at.isoformat()}")
    if hold.kind == HoldKind.SHORTAGE:
        raise HoldNotReleasable("a shortage is lifted by stock or by settling with the customer")
    await lift_holds(session, [order], [OpenHold(hold_id, order_id, HoldKind(hold.kind))], by=session.scope.actor)
    if hold.kind == HoldKind.AUDIT and rules.awaits_review(order):
        await mark_audited(session, [order], by=session.scope.actor)
    return await queries.get_hold(session, order_id, hold_id)


async def set_policy(
    session: WriteSession, store_id: str, *, review_above: int | None, version: int, now: datetime
) -> int:
    """Set what a store reviews by hand, in minor units; answers the new version. Raises `VersionStale`."""
    written = await session.fetchval(
        "INSERT INTO orders.audit_policy AS held (store_id, review_above, version, changed_at, changed_by) "
        "VALUES ($1, $2, $3 + 1, $4, $5) ON CONFLICT (store_id) DO UPDATE SET review_above = $2, version = $3 + 1, "
        "changed_at = $4, changed_by = $5 WHERE held.version = $3 RETURNING version",
        store_id,
        review_above,
        version,
        now,
        session.scope.actor,
    )
    if written is None:
        raise VersionStale("the policy was changed meanwhile")
    return int(written)
