"""Holds and the review's policy over HTTP."""

from fastapi import Request, Response

from storeops.common.auth.permissions import Permission
from storeops.common.http.etags import IfMatchRequired, VersionStale, require_match, set_etag
from storeops.common.http.routing import ServiceRouter
from storeops.common.money import to_decimal
from storeops.common.scope import StoreForbidden
from storeops.orders.audit import commands, queries
from storeops.orders.audit.errors import HoldNotFound, HoldNotReleasable, HoldReleased, OrderNotHoldable
from storeops.orders.audit.schemas import AuditPolicyRead, HoldId, HoldOrder, HoldRead, SetAuditPolicy
from storeops.orders.intake.drafting import minor
from storeops.orders.intake.errors import AmountMalformed, OrderNotFound
from storeops.orders.intake.schemas import OrderId
from storeops.orders.sessions import Read, Write
from storeops.orders.stores.errors import StoreNotFound
from storeops.orders.stores.queries import require_store
from storeops.orders.stores.schemas import StoreId

router = ServiceRouter("orders", tags=["audit"])


@router.endpoint(
    "POST",
    "/v1/orders/{order_id}/holds",
    permission=Permission.ORDERS_AUDIT,
    errors=[OrderNotFound, OrderNotHoldable],
    status=201,
)
async def hold_order(order_id: OrderId, body: HoldOrder, session: Write) -> HoldRead:
    """Keep an order from being packed until the hold is released; its clocks run on (ORD-4)."""
    return await commands.hold_order(session, order_id, reason=body.reason)


@router.endpoint(
    "POST",
    "/v1/orders/{order_id}/holds/{hold_id}/release",
    permission=Permission.ORDERS_AUDIT,
    errors=[OrderNotFound, HoldNotFound, HoldReleased, HoldNotReleasable],
)
async def release_hold(order_id: OrderId, hold_id: HoldId, session: Write) -> HoldRead:
    """Lift a hold; lifting the review's own hold passes the order."""
    return await commands.release_hold(session, order_id, hold_id)


@router.endpoint(
    "GET",
    "/v1/audit-policies/{store_id}",
    permission=Permission.ORDERS_READ,
    errors=[StoreForbidden, StoreNotFound],
)
async def get_audit_policy(store_id: StoreId, session: Read, response: Response) -> AuditPolicyRead:
    """What a store has reviewed by a person."""
    currency = await require_store(session, store_id)
    limit, version = await queries.find_policy(session, store_id)
    set_etag(response, version)
    return policy_read(store_id, limit, currency=currency, version=version)


@router.endpoint(
    "PUT",
    "/v1/audit-policies/{store_id}",
    permission=Permission.PROMISES_MANAGE,
    errors=[StoreForbidden, StoreNotFound, AmountMalformed, IfMatchRequired, VersionStale],
)
async def set_audit_policy(
    store_id: StoreId, body: SetAuditPolicy, session: Write, request: Request, response: Response
) -> AuditPolicyRead:
    """Change what a store has reviewed by a person, for orders paid from now on."""
    currency = await require_store(session, store_id)
    _, version = await queries.find_policy(session, store_id)
    require_match(request, version)
    limit = None if body.review_above is None else minor(body.review_above, currency, at="/body/review_above")
    version = await commands.set_policy(session, store_id, review_above=limit, version=version, now=await session.now())
    set_etag(response, version)
    return policy_read(store_id, limit, currency=currency, version=version)


def policy_read(store_id: str, limit: int | None, *, currency: str, version: int) -> AuditPolicyRead:
    """A policy as it is answered."""
    amount = None if limit is None else to_decimal(limit, currency)
    return AuditPolicyRead(store_id=store_id, review_above=amount, currency=currency, version=version)
