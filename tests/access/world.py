"""A shop in full swing, made over the public API: two brands, and of store A at least one of everything.

Store B has nothing but its opening and a share in one warehouse: whoever may only act there must see and change
nothing of A.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import asyncpg
import httpx2
import orjson
from asyncpg.prepared_stmt import PreparedStatement
from storeops.common.auth.permissions import Role
from storeops.common.testing.harness import Harness

PASSWORD = "correct horse battery"
DAY = "2026-03-02"
OPENED = "2026-03-02T02:00:00+00:00"
"""Ten in the morning in Shanghai."""
CLOSED = datetime(2026, 3, 3, tzinfo=UTC)
PLACED = "2026-03-02T01:00:00Z"
TEA, CUP = "TEA-250", "CUP-2"
SHARED = "BOX-1"
"""Lies in the warehouse that serves A and B, sold by both their brands."""

BUYER = {
    "name": "林月",
    "phone": "13800001111",
    "address": {"province": "浙江", "city": "杭州", "district": "西湖", "street": "文三路 1 号"},
}


class World(NamedTuple):
    """The installation, and what it holds of A by name; a path parameter's id stands under the parameter's name."""

    harness: Harness
    http: httpx2.AsyncClient
    """Not signed in."""
    watch: "PreparedStatement[asyncpg.Record]"
    """Tells what every table holds, as somebody who sees every row."""
    owner: str
    """The owner's token."""
    ids: Mapping[str, str]
    store_b: str
    numbers: Iterator[int]

    def fresh(self, prefix: str) -> str:
        """A name that nothing has yet."""
        return f"{prefix}-{next(self.numbers)}"

    def later(self) -> str:
        """An instant after every one before."""
        return (CLOSED + timedelta(seconds=next(self.numbers))).isoformat()


def own_order(store_id: str) -> dict[str, Any]:
    """An own site's order of one TEA."""
    return {
        "kind": "own_site",
        "store_id": store_id,
        "customer": {"account": "lin", **BUYER},
        "lines": [{"sku": TEA, "quantity": 1}],
        "remark": "please ring twice",
        "labels": ["synthetic"],
    }


def channel_order(store_id: str, channel_order_id: str, sku: str = CUP) -> dict[str, Any]:
    """A marketplace's paid order of one CUP, unless of another SKU."""
    return {
        "kind": "channel",
        "store_id": store_id,
        "channel_order_id": channel_order_id,
        "placed_at": PLACED,
        "paid_at": PLACED,
        "currency": "CNY",
        "customer": {"account": f"buyer of {channel_order_id}", **BUYER},
        "lines": [
            {"sku": sku, "quantity": 1, "gross": "30.00", "discounts": {"shop": "5.00"}, "net": "25.00"},
        ],
        "payable": "25.00",
        "campaign_ids": ["summer"],
        "labels": ["synthetic"],
    }


class Maker:
    """Makes things as the owner, and remembers their ids."""

    def __init__(self, harness: Harness, owner: httpx2.AsyncClient) -> None:
        self.harness = harness
        self.owner = owner
        self.ids: dict[str, str] = {}
        self._keys = count()

    async def make(self, path: str, body: Any = None) -> Any:
        """POST; answers what was made."""
        headers = {"idempotency-key": f"making-{next(self._keys)}"}
        answer = await self.owner.post(path, json=body, headers=headers)
        assert answer.is_success, f"{path}: {answer.text}"
        made = answer.json()
        assert all(item["status"] < 300 for item in made.get("items", [])), f"{path}: {answer.text}"
        return made

    async def keep(self, name: str, path: str, body: Any = None, *, field: str = "") -> str:
        """POST; keeps the id of what was made under a name."""
        self.ids[name] = (await self.make(path, body))[field or name]
        return self.ids[name]

    async def read(self, path: str) -> Any:
        """GET."""
        answer = await self.owner.get(path)
        assert answer.is_success, answer.text
        return answer.json()

    async def drain(self) -> None:
        """Let everybody hear of it."""
        await self.harness.drain()


async def build_world(harness: Harness, admin: "asyncpg.Connection[asyncpg.Record]") -> World:
    """The whole shop; takes a few seconds, so build it once a module."""
    maker = Maker(harness, await harness.client(Role.OWNER))
    await make_company(maker)
    store_b, brand_b = maker.ids.pop("store_b"), maker.ids.pop("brand_b")
    await make_goods(maker)
    await make_shared_warehouse(maker, store_b, brand_b)
    await make_orders(maker)
    await make_cases(maker)
    await maker.drain()
    maker.ids["day"] = DAY
    return World(
        harness=harness,
        http=await harness.client(None),
        watch=await watching(admin, list(harness.services)),
        owner=harness.token(Role.OWNER),
        ids=maker.ids,
        store_b=store_b,
        numbers=count(1),
    )


async def make_company(maker: Maker) -> None:
    """Brands, stores, people and a key."""
    brand = await maker.keep("brand_id", "/v1/brands", {"name": "青禾"})
    other = await maker.keep("brand_b", "/v1/brands", {"name": "山月"}, field="brand_id")
    store = await maker.keep("store_id", "/v1/stores", {"brand_id": brand, "name": "青禾旗舰店", "channel": "tmall"})
    await maker.keep(
        "store_b",
        "/v1/stores",
        {"brand_id": other, "name": "山月旗舰店", "channel": "jd"},
        field="store_id",
    )
    grants = [{"role": "agent", "scope": "stores", "store_ids": [store]}]
    for name, login in (("staff_id", "lin.yue"), ("leaver_id", "zhou.an"), ("granted_id", "wu.tong")):
        person = {"login": login, "name": login.title(), "password": PASSWORD, "grants": grants}
        maker.ids[name] = (made := await maker.make("/v1/staff", person))["staff_id"]
        maker.ids["grant_id"] = made["grants"][0]["grant_id"]
    await maker.keep("key_id", "/v1/api-keys", {"name": "erp", "grants": grants})
    await maker.drain()


async def make_goods(maker: Maker) -> None:
    """SKUs in a warehouse, on the shelf, at a price, in a campaign."""
    brand, store = maker.ids["brand_id"], maker.ids["store_id"]
    for sku in (TEA, CUP):
        await maker.make("/v1/skus", {"sku": sku, "brand_id": brand, "name": sku.title()})
    maker.ids["sku"] = TEA
    warehouse = await maker.keep("warehouse_id", "/v1/warehouses", {"name": "杭州", "store_ids": [store]})
    receipt = {"warehouse_id": warehouse, "reference": "DN-1", "lines": [{"sku": TEA, "quantity": 900}]}
    await maker.make("/v1/receipts", receipt)
    await maker.make("/v1/receipts", {**receipt, "reference": "DN-2", "lines": [{"sku": CUP, "quantity": 900}]})
    await maker.drain()
    tea = {"store_id": store, "sku": TEA, "title": "龙井 250 g", "price": "88.00", "currency": "CNY"}
    await maker.keep("listing_id", "/v1/listings", tea)
    await maker.keep("cup_id", "/v1/listings", {**tea, "sku": CUP, "title": "茶杯"}, field="listing_id")
    campaign = {
        "store_id": store,
        "name": "满减",
        "tiers": [{"threshold": "200.00", "off": "20.00"}],
        "starts_at": "2026-03-01T00:00:00Z",
        "ends_at": "2026-03-09T00:00:00Z",
    }
    await maker.keep("campaign_id", "/v1/campaigns", campaign)
    await maker.keep("ended_campaign_id", "/v1/campaigns", campaign, field="campaign_id")
    await maker.drain()


async def make_shared_warehouse(maker: Maker, store_b: str, brand_b: str) -> None:
    """A warehouse that serves A and B, out of which A has an order."""
    store = maker.ids["store_id"]
    for brand in (maker.ids["brand_id"], brand_b):
        await maker.make("/v1/skus", {"sku": SHARED, "brand_id": brand, "name": "礼盒"})
    warehouse = (await maker.make("/v1/warehouses", {"name": "嘉兴", "store_ids": [store, store_b]}))["warehouse_id"]
    lines = [{"sku": SHARED, "quantity": 9}]
    await maker.make("/v1/receipts", {"warehouse_id": warehouse, "reference": "DN-3", "lines": lines})
    await maker.drain()
    order = channel_order(store, "T-shared", SHARED)
    await maker.keep("shared_order_id", "/v1/orders", order, field="order_id")
    await maker.drain()


OWN_ORDERS = ("unpaid", "cancellable", "refunded", "paid")
CHANNEL_ORDERS = ("shown", "holdable", "held", "packable", "batch_packable", "leaving", "batch_leaving")


async def make_orders(maker: Maker) -> None:
    """Orders in every state, each for the operation that acts on it; `order_id` has a parcel."""
    store = maker.ids["store_id"]
    bodies = [own_order(store) for _ in OWN_ORDERS] + [channel_order(store, f"T-{name}") for name in CHANNEL_ORDERS]
    placed = await maker.make("/v1/orders:batch", {"items": bodies})
    for name, item in zip((*OWN_ORDERS, *CHANNEL_ORDERS), placed["items"], strict=True):
        maker.ids[f"{name}_id"] = item["resource"]["order_id"]
    maker.ids["order_id"] = maker.ids.pop("shown_id")
    await maker.drain()
    payable = (await maker.read(f"/v1/orders/{maker.ids['unpaid_id']}"))["payable"]
    maker.ids["payable"] = payable
    for name in ("refunded", "paid"):
        payment = {"amount": payable, "currency": "CNY", "provider": "alipay", "provider_ref": f"pay-{name}"}
        await maker.make(f"/v1/orders/{maker.ids[f'{name}_id']}/payments", payment)
    await maker.make(f"/v1/orders/{maker.ids['refunded_id']}/cancel", {"reason": "customer"})
    await maker.keep("hold_id", f"/v1/orders/{maker.ids['held_id']}/holds", {"reason": "address in doubt"})
    await maker.drain()
    await make_parcels(maker)


async def make_parcels(maker: Maker) -> None:
    """Work for the warehouse, some of it packed."""
    page = await maker.read("/v1/fulfillment-orders?limit=200")
    work = {item["order_id"]: item["fulfillment_order_id"] for item in page["items"]}
    maker.ids["fulfillment_order_id"] = work[maker.ids["packable_id"]]
    maker.ids["batch_fulfillment_order_id"] = work[maker.ids["batch_packable_id"]]
    for name, order in (
        ("shown_parcel_id", "order_id"),
        ("parcel_id", "leaving_id"),
        ("batch_parcel_id", "batch_leaving_id"),
    ):
        parcel = {"courier": "sf", "waybill_no": f"SF-{order.replace('_', '-')}"}
        path = f"/v1/fulfillment-orders/{work[maker.ids[order]]}/pack"
        maker.ids[name] = (await maker.make(path, parcel))["parcel_id"]
    await maker.make(f"/v1/parcels/{maker.ids['shown_parcel_id']}/handover")


async def make_cases(maker: Maker) -> None:
    """Tickets, a rush and a day's traffic."""
    store = maker.ids["store_id"]
    for name in ("ticket_id", "settled_id", "batch_settled_id"):
        ticket = {"store_id": store, "kind": "complaint", "reason": "the cup is chipped"}
        await maker.keep(name, "/v1/tickets", ticket, field="ticket_id")
    rush = {"store_id": store, "from": "2026-03-08T00:00:00Z", "to": "2026-03-09T00:00:00Z"}
    await maker.keep("rush_id", "/v1/ship-rushes", rush)
    await maker.make("/v1/traffic", {"items": [traffic(store)]})


def traffic(store_id: str) -> dict[str, Any]:
    """A day's visitors from search."""
    return {
        "store_id": store_id,
        "day": DAY,
        "source": "search",
        "terminal": "mobile",
        "visitors": 120,
        "page_views": 380,
        "provider": "sycm",
    }


UNWATCHED = ("idempotency", "migration")
"""Tables that may grow when a request changes nothing: a batch whose items were all refused was answered."""


async def watching(
    admin: "asyncpg.Connection[asyncpg.Record]", schemas: Collection[str]
) -> "PreparedStatement[asyncpg.Record]":
    """The statement that tells what every table of these schemas holds."""
    tables = await admin.fetch(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
        "WHERE schemaname = ANY ($1) AND tablename <> ALL ($2) ORDER BY 1",
        list(schemas),
        list(UNWATCHED),
    )
    held = "concat(count(*), ' rows, ', sum(hashtextextended(t::text, 0)))"
    return await admin.prepare(
        " UNION ALL ".join(f"SELECT '{name}' AS name, {held} AS held FROM {name} AS t" for (name,) in tables)
    )


async def fingerprint(world: World) -> dict[str, str]:
    """What every table of every service holds: its rows and their digest."""
    return {row["name"]: row["held"] for row in await world.watch.fetch()}


def problem_of(answer: httpx2.Response) -> dict[str, Any]:
    """A refusal's problem, which has the one shape that all have."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = orjson.loads(answer.content)
    assert {"type", "title", "status", "code", "detail", "request_id"} <= set(body), body
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:storeops:problem:{body['code']}"
    assert body["request_id"] == answer.headers["x-request-id"]
    return body
