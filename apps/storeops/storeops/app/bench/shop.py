"""The shop that the load buys from: one store and warehouse, a thousand SKUs with ample stock, one that all want.

Set up over the public API alone.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from storeops.app.bench.load import PRICES, SKUS, sku_code
from storeops.app.bench.stand import Shop, Stand, analyse, drained, put_load, serving, sign_in
from storeops.app.demo.shopfront import Shopfront, chunks, require
from storeops.app.installation import OWNER_LOGIN, owner_password
from storeops.common.clock import machine_now
from storeops.common.money import to_decimal

CURRENCY = "CNY"
HOT = "B-HOT"
AMPLE = 1_000_000
"""Pieces of every SKU: no run uses them up."""


@asynccontextmanager
async def shop(stand: Stand, *, apart: bool = False) -> AsyncGenerator[Shop]:
    """The installation with its shop, warmed up; the first one on a stand opens it."""
    async with serving(stand, apart=apart) as processes:
        url = processes[0].url
        store_id: str | None = await stand.admin.fetchval("SELECT store_id FROM platform.store")
        store_id = store_id or await open_shop(stand, url)
        opened = Shop(processes, await sign_in(url, stand.folder), store_id)
        await warm_up(stand, opened)
        yield opened


async def warm_up(stand: Stand, opened: Shop) -> None:
    """A few hundred orders, so that tables hold something and connections their statements, then statistics."""
    began = machine_now().isoformat()
    await put_load(opened.job(kind="batch", name=f"warm-{began}", size=stand.size.warm, orders=1))
    for part in range(2):
        await put_load(opened.job(kind="single", name=f"warm-{part}-{began}", concurrency=32, orders=stand.size.warm))
        await drained(stand)
        await analyse(stand)


async def open_shop(stand: Stand, url: str) -> str:
    """Open the store with all that it sells; answers its id."""
    front = Shopfront(url, OWNER_LOGIN, owner_password(stand.settings))
    try:
        brand_id = (await front.post("/v1/brands", {"name": "青禾"}))["brand_id"]
        store = {"brand_id": brand_id, "name": "青禾官网", "channel": "own", "time_zone": "Asia/Shanghai"}
        store_id = (await front.post("/v1/stores", {**store, "currency": CURRENCY}))["store_id"]
        await drained(stand)
        await fill_shelves(front, store_id, brand_id)
        await declare_campaign(front, store_id)
        await drained(stand)
    finally:
        await front.close()
    return store_id


async def fill_shelves(front: Shopfront, store_id: str, brand_id: str) -> None:
    """SKUs, stock and listings; a third of the SKUs at each price."""
    prices = {sku_code(number): PRICES[min(2, (number - 1) // 333)] for number in range(1, SKUS + 1)}
    prices[HOT] = PRICES[0]
    warehouse = {"name": "杭州仓", "store_ids": [store_id]}
    warehouse_id = (await front.post("/v1/warehouses", warehouse))["warehouse_id"]
    catalog = [{"sku": sku, "brand_id": brand_id, "name": sku, "category": "tea"} for sku in prices]
    require(await front.batch("/v1/skus:batch", catalog), "SKUs")
    for number, part in enumerate(chunks(list(prices))):
        lines = [{"sku": sku, "quantity": AMPLE} for sku in part]
        body = {"warehouse_id": warehouse_id, "reference": f"DN-{number}", "lines": lines}
        await front.post("/v1/receipts", body)
    listings: list[dict[str, Any]] = [
        {"store_id": store_id, "sku": sku, "title": sku, "price": to_decimal(price, CURRENCY)}
        for sku, price in prices.items()
    ]
    require(await front.batch("/v1/listings:batch", listings), "listings")


async def declare_campaign(front: Shopfront, store_id: str) -> None:
    """Ten off from a hundred: it applies to every order of the load."""
    now = machine_now()
    body = {
        "store_id": store_id,
        "name": "满100减10",
        "starts_at": (now - timedelta(days=1)).isoformat(),
        "ends_at": (now + timedelta(days=30)).isoformat(),
        "tiers": [{"threshold": "100.00", "off": "10.00"}],
    }
    await front.post("/v1/campaigns", body)
