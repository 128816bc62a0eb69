"""Sets promises, declares rushes, and arms and disarms the clocks of orders.

Works on ids and instants; knows no order, parcel or ticket.
"""

from collections.abc import Sequence
from datetime import datetime

from storeops.common import timers
from storeops.common.db import WriteSession
from storeops.common.http.etags import VersionStale
from storeops.common.ids import new_id
from storeops.orders.deadlines import queries
from storeops.orders.deadlines.errors import PromiseInvalid, RushTimesInvalid
from storeops.orders.deadlines.models import ShipRush
from storeops.orders.deadlines.rules import LONGEST_RUSH, SHIP_CLOCKS, ShipPromise, TimerKind
from storeops.orders.deadlines.schemas import DeclareRush
from storeops.orders.stores.queries import require_store

ARM_CLOCKS = timers.arming_part(
    "orders",
    "SELECT clock.kind, written.order_id, clock.due_at FROM written CROSS JOIN LATERAL (VALUES "
    f"('{TimerKind.SHIP_DUE_SOON}', written.warn_at), ('{TimerKind.SHIP_LATE}', written.late_at), "
    f"('{TimerKind.SHIP_BREACHED}', written.breach_at), ('{TimerKind.ORDER_EXPIRY}', written.expires_at)"
    ") AS clock (kind, due_at)",
)
"""Starts the clocks of orders: part of the one statement that places or pays them, whose rows are `written`.

A paid order has its three ship clocks and no `expires_at`, an unpaid one the reverse; so neither can be written
without its deadlines, and a payment costs no further round trip.
"""

STOP_EXPIRY = timers.settling_part("orders", "written", kind=TimerKind.ORDER_EXPIRY, key="order_id")
"""Settles the wait for a payment: part of the statement that pays orders, whose rows are `written`."""


async def stop_ship_clocks(session: WriteSession, order_ids: Sequence[str], *, at: datetime) -> None:
    """Disarm what was still to come at `at`; a deadline that had passed by then fires and is judged by its handler."""
    await timers.cancel(session, order_ids, kinds=SHIP_CLOCKS, after=at)


async def set_promise(session: WriteSession, store_id: str, *, promise: ShipPromise, version: int) -> int:
    """Set a store's promise for payments from now on; answers its new version.

    `version` is the one the caller looked at, 0 for the default. Raises `PromiseInvalid` and `VersionStale`.
    """
    if fault := promise.fault():
        raise PromiseInvalid(fault)
    written = await session.fetchval(
        "INSERT INTO orders.ship_promise AS held (store_id, warn_after, late_after, breach_after, expire_after, "
        "version, changed_at, changed_by) VALUES ($1, $2, $3, $4, $5, $6 + 1, $7, $8) "
        "ON CONFLICT (store_id) DO UPDATE SET warn_after = $2, late_after = $3, breach_after = $4, expire_after = $5, "
        "version = $6 + 1, changed_at = $7, changed_by = $8 WHERE held.version = $6 RETURNING version",
        store_id,
        *promise,
        version,
        await session.now(),
        session.scope.actor,
    )
    if written is None:
        raise VersionStale("the promise was changed meanwhile")
    return int(written)


async def declare_rush(session: WriteSession, body: DeclareRush) -> ShipRush:
    """Declare a campaign rush for orders paid in it (ORD-3).

    Raises `RushTimesInvalid`, `StoreNotFound` and `StoreForbidden`. Orders that are paid already keep their terms.
    """
    await require_store(session, body.store_id)
    if not body.from_at < body.to_at <= body.from_at + LONGEST_RUSH:
        errors = [{"pointer": "/body/to", "value": body.to_at.isoformat(), "expected": "1 s to 31 days after from"}]
        raise RushTimesInvalid("a rush must end after it begins, and last 31 days at most", errors=errors)
    rush = ShipRush(
        rush_id=new_id("rsh"),
        store_id=body.store_id,
        from_at=body.from_at,
        to_at=body.to_at,
        campaign_ids=body.campaign_ids,
        declared_at=await session.now(),
        declared_by=session.scope.actor,
        ended_at=None,
        ended_by=None,
    )
    (await session.orm()).add(rush)
    return rush


async def end_rush(session: WriteSession, rush_id: str) -> ShipRush:
    """End a rush now; one that has ended stays as it is. Raises `RushNotFound`."""
    rush = await queries.get_rush(session, rush_id)
    if rush.ended_at is None:
        rush.ended_at = await session.now()
        rush.ended_by = session.scope.actor
        (await session.orm()).add(rush)
    return rush
