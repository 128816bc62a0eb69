"""A valid request for every operation, as a function of the world: the one table to extend with a new endpoint.

Each may be sent any number of times in any order: what makes things makes fresh ones, what acts on a thing has one of
its own to act on, so that a repeat is answered with what stands or with a conflict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx2

from .operations import SAFE, Operation
from .world import CUP, DAY, PASSWORD, TEA, World, channel_order, own_order, traffic

Make = Callable[[World], Any]


@dataclass(frozen=True)
class Call:
    """What a request needs beyond its path."""

    body: Make | None = None
    """JSON, or the text of a file."""
    at: Mapping[str, str] = field(default_factory=dict[str, str])
    """Path parameters that stand for another of the world's ids than the one of their own name."""
    query: Make | None = None
    once: bool = False
    """Afterwards the thing is gone, and a repeat finds nothing."""


class Request(NamedTuple):
    """A request ready to be sent, without its token."""

    method: str
    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: Any


def reason(_world: World) -> dict[str, Any]:
    return {"reason": "checked by hand"}


def period(_world: World) -> dict[str, Any]:
    return {"from": DAY, "to": DAY}


def grant(world: World) -> dict[str, Any]:
    return {"role": "agent", "scope": "stores", "store_ids": [world.ids["store_id"]]}


def sku(world: World) -> dict[str, Any]:
    code = world.fresh("SKU")
    return {"sku": code, "brand_id": world.ids["brand_id"], "name": "盖碗", "category": "ware", "unit": "piece"}


def listing(world: World) -> dict[str, Any]:
    code = world.fresh("LISTED")
    return {"store_id": world.ids["store_id"], "sku": code, "title": "白茶", "price": "12.50", "currency": "CNY"}


def parcel(world: World) -> dict[str, Any]:
    return {"courier": "sf", "waybill_no": world.fresh("SF"), "lines": [{"sku": CUP, "quantity": 1}]}


def quote(world: World) -> dict[str, Any]:
    return {"store_id": world.ids["store_id"], "lines": [{"sku": TEA, "quantity": 3}]}


def settlement(_world: World) -> dict[str, Any]:
    return {"outcome": "resolved", "note": "sent a new cup"}


def ticket(world: World) -> dict[str, Any]:
    return {"store_id": world.ids["store_id"], "kind": "question", "reason": "is it boxed?"}


def csv_of_traffic(world: World) -> str:
    row = traffic(world.ids["store_id"])
    return ",".join(row) + "\n" + ",".join(str(cell) for cell in row.values()) + "\n"


CALLS: dict[str, Call] = {
    # platform
    "POST /v1/tokens": Call(lambda _: {"grant_type": "password", "login": "lin.yue", "password": PASSWORD}),
    "POST /v1/api-keys": Call(lambda w: {"name": "robot", "grants": [grant(w)]}),
    "POST /v1/brands": Call(lambda w: {"name": w.fresh("brand")}),
    "POST /v1/stores": Call(
        lambda w: {
            "brand_id": w.ids["brand_id"],
            "name": w.fresh("store"),
            "channel": "own",
            "time_zone": "Asia/Shanghai",
            "currency": "CNY",
        }
    ),
    "PATCH /v1/stores/{store_id}": Call(lambda w: {"name": w.fresh("store"), "time_zone": "Asia/Shanghai"}),
    "POST /v1/staff": Call(
        lambda w: {"login": w.fresh("person"), "name": "何苗", "password": PASSWORD, "grants": [grant(w)]}
    ),
    "POST /v1/staff/{staff_id}/grants": Call(grant),
    "DELETE /v1/staff/{staff_id}/grants/{grant_id}": Call(at={"staff_id": "granted_id"}, once=True),
    "POST /v1/staff/{staff_id}/deactivate": Call(at={"staff_id": "leaver_id"}),
    "POST /v1/sandbox/clock/advance": Call(lambda w: {"to": w.later(), "figures": False}),
    # inventory
    "POST /v1/skus": Call(sku),
    "POST /v1/skus:batch": Call(lambda w: {"items": [sku(w)]}),
    "POST /v1/warehouses": Call(
        lambda w: {"name": "苏州", "store_ids": [{"store_id": w.ids["store_id"], "priority": 9}]}
    ),
    "PUT /v1/warehouses/{warehouse_id}/stores": Call(lambda w: {"store_ids": [w.ids["store_id"]]}),
    "POST /v1/receipts": Call(
        lambda w: {
            "warehouse_id": w.ids["warehouse_id"],
            "reference": w.fresh("DN"),
            "lines": [{"sku": TEA, "quantity": 2}],
        }
    ),
    "POST /v1/adjustments": Call(
        lambda w: {"warehouse_id": w.ids["warehouse_id"], "sku": TEA, "delta": 1, "reason": "found"}
    ),
    "GET /v1/availability": Call(query=lambda w: {"store_id": w.ids["store_id"], "sku": [TEA, CUP]}),
    "PUT /v1/warning-levels/{store_id}": Call(lambda _: {"items": [{"sku": TEA, "level": 3}]}),
    # promotions
    "POST /v1/listings": Call(listing),
    "POST /v1/listings:batch": Call(lambda w: {"items": [listing(w)]}),
    "POST /v1/listings/{listing_id}/list": Call(reason),
    "POST /v1/listings/{listing_id}/delist": Call(reason, at={"listing_id": "cup_id"}),
    "PUT /v1/listings/{listing_id}/price": Call(lambda _: {"price": "86.00", "currency": "CNY"}),
    "POST /v1/campaigns": Call(
        lambda w: {
            "store_id": w.ids["store_id"],
            "name": "双十一",
            "tiers": [{"threshold": "300.00", "off": "40.00"}],
            "skus": [CUP],
            "starts_at": "2026-11-01T00:00:00Z",
            "ends_at": "2026-11-12T00:00:00Z",
        }
    ),
    "POST /v1/campaigns/{campaign_id}/end": Call(at={"campaign_id": "ended_campaign_id"}),
    "POST /v1/quotes": Call(quote),
    "POST /v1/quotes:batch": Call(lambda w: {"quotes": [quote(w)]}),
    # orders
    "POST /v1/orders": Call(lambda w: own_order(w.ids["store_id"])),
    "POST /v1/orders:batch": Call(
        lambda w: {"items": [own_order(w.ids["store_id"]), channel_order(w.ids["store_id"], w.fresh("T"))]}
    ),
    "POST /v1/orders/{order_id}/payments": Call(
        lambda w: {
            "amount": w.ids["payable"],
            "currency": "CNY",
            "provider": "alipay",
            "provider_ref": w.fresh("paid"),
        },
        at={"order_id": "unpaid_id"},
    ),
    "POST /v1/orders/{order_id}/cancel": Call(lambda _: {"reason": "staff"}, at={"order_id": "cancellable_id"}),
    "POST /v1/orders/{order_id}/holds": Call(reason, at={"order_id": "holdable_id"}),
    "POST /v1/orders/{order_id}/holds/{hold_id}/release": Call(at={"order_id": "held_id"}),
    "PUT /v1/audit-policies/{store_id}": Call(lambda _: {"review_above": "5000.00"}),
    "PUT /v1/ship-promises/{store_id}": Call(
        lambda _: {
            "warn_after_minutes": 1200,
            "late_after_minutes": 1440,
            "breach_after_minutes": 2880,
            "expire_after_minutes": 45,
        }
    ),
    "POST /v1/ship-rushes": Call(
        lambda w: {
            "store_id": w.ids["store_id"],
            "from": "2026-11-11T00:00:00Z",
            "to": "2026-11-12T00:00:00Z",
            "campaign_ids": [w.ids["campaign_id"]],
        }
    ),
    "POST /v1/fulfillment-orders/{fulfillment_order_id}/pack": Call(parcel),
    "POST /v1/fulfillment-orders:pack": Call(
        lambda w: {"items": [{"fulfillment_order_id": w.ids["batch_fulfillment_order_id"], **parcel(w)}]}
    ),
    "POST /v1/parcels:handover": Call(lambda w: {"items": [{"parcel_id": w.ids["batch_parcel_id"]}]}),
    # customer service
    "POST /v1/tickets": Call(ticket),
    "POST /v1/tickets/{ticket_id}/take": Call(lambda _: {"take_over": True}),
    "POST /v1/tickets/{ticket_id}/notes": Call(lambda _: {"text": "called the customer"}),
    "POST /v1/tickets/{ticket_id}/settle": Call(settlement, at={"ticket_id": "settled_id"}),
    "POST /v1/tickets:settle": Call(lambda w: {"items": [{"ticket_id": w.ids["batch_settled_id"], **settlement(w)}]}),
    # reporting
    "GET /v1/figures/days": Call(query=period),
    "GET /v1/figures/summary": Call(query=period),
    "GET /v1/figures/days/{store_id}/{day}/orders": Call(query=lambda _: {"figure": "sales"}),
    "POST /v1/traffic": Call(lambda w: {"items": [traffic(w.ids["store_id"])]}),
    "POST /v1/traffic/import": Call(csv_of_traffic),
}
"""Every operation that takes a body, a query or another thing than the world's first of its kind."""


def request_of(world: World, operation: Operation) -> Request:
    """A valid request for an operation, acting on A."""
    call = CALLS.get(operation.name, Call())
    ids = {name: world.ids[call.at.get(name, name)] for name in operation.path_parameters}
    headers = {} if operation.method in SAFE else {"idempotency-key": world.fresh("key")}
    if operation.method in ("PUT", "PATCH"):
        headers["if-match"] = "*"
    if operation.media_type:
        headers["content-type"] = operation.media_type
    return Request(
        method=operation.method,
        path=operation.path.format(**ids),
        query=call.query(world) if call.query else {},
        headers=headers,
        body=call.body(world) if call.body else None,
    )


async def send(world: World, request: Request, token: str | None) -> httpx2.Response:
    """The answer to a request as the bearer of a token."""
    headers = {**request.headers} if token is None else {**request.headers, "authorization": f"Bearer {token}"}
    written: dict[str, Any] = {} if request.body is None else {"json": request.body}
    if isinstance(request.body, str | bytes):
        written = {"content": request.body}
    return await world.http.request(request.method, request.path, params=request.query, headers=headers, **written)
