"""The demo's first minute: brands, stores, warehouses, SKUs, opening stock, listings and one campaign a shop."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from storeops.app.demo.data import Product
from storeops.app.demo.seeding import Assortment
from storeops.app.demo.shopfront import BATCH, Shopfront, chunks, require
from storeops.app.demo.shops import BRANDS, CURRENCY, OWN_SITE_SHOPS, SHOPS, WAREHOUSES, ZONE
from storeops.app.demo.stocking import StockSeed
from storeops.common.money import to_decimal

EXPIRE_AFTER = timedelta(minutes=30)
"""How long an own site waits for a payment unless it is told otherwise."""

Step = Callable[[str, int, int], None]
"""Told what is being set up, and how many of how many are done."""


class Town(NamedTuple):
    """The ids that the installation gave to the demo's brands, shops and warehouses."""

    brands: Mapping[str, str]
    """Brand code → brand id."""
    stores: Mapping[int, str]
    """Shop number → store id."""
    warehouses: Mapping[str, str]
    """Warehouse code → warehouse id."""


def sku_of(product_id: int) -> str:
    """The merchant's code of a product of the data."""
    return f"CJ-{product_id}"


async def open_town(front: Shopfront) -> Town:
    """Brands, stores and warehouses."""
    brands: dict[str, str] = {}
    for brand in BRANDS:
        brands[brand.code] = (await front.post("/v1/brands", {"name": brand.name}))["brand_id"]
    stores: dict[int, str] = {}
    for shop in SHOPS:
        body = {
            "brand_id": brands[shop.brand],
            "name": shop.name,
            "channel": shop.channel,
            "time_zone": ZONE,
            "currency": CURRENCY,
        }
        stores[shop.number] = (await front.post("/v1/stores", body))["store_id"]
    return Town(brands, stores, warehouses={})


async def open_warehouses(front: Shopfront, town: Town) -> Town:
    """Warehouses and whom they serve, once inventory has heard of the stores."""
    warehouses: dict[str, str] = {}
    for warehouse in WAREHOUSES:
        serves = [
            {"store_id": town.stores[shop.number], "priority": shop.warehouses.index(warehouse.code) + 1}
            for shop in SHOPS
            if warehouse.code in shop.warehouses
        ]
        made = await front.post("/v1/warehouses", {"name": warehouse.name, "store_ids": serves})
        warehouses[warehouse.code] = made["warehouse_id"]
    return town._replace(warehouses=warehouses)


async def register_skus(
    front: Shopfront,
    town: Town,
    products: Mapping[int, Product],
    assortment: Mapping[int, Assortment],
    step: Step,
) -> None:
    """Every product, once for each brand that has a shop which sells it in the window."""
    sold = {(shop.brand, number) for shop in SHOPS for number in assortment[shop.number].product_ids}
    items = [sku_body(products[number], town.brands[brand]) for brand, number in sorted(sold)]
    for number, part in enumerate(chunks(items)):
        require(await front.batch("/v1/skus:batch", part), "SKUs")
        step("SKUs", min((number + 1) * BATCH, len(items)), len(items))


def sku_body(product: Product, brand_id: str) -> dict[str, Any]:
    """A product as a SKU of a brand."""
    return {
        "sku": sku_of(product.product_id),
        "brand_id": brand_id,
        "name": f"{product.kind} {product.package_size}".strip()[:200] or sku_of(product.product_id),
        "category": (product.category or product.department)[:100],
    }


async def receive_opening_stock(front: Shopfront, town: Town, opening: Sequence[StockSeed], step: Step) -> None:
    """Seeded opening stock, as receipts of at most 500 lines."""
    done = 0
    for code, warehouse_id in town.warehouses.items():
        seeds = [seed for seed in opening if seed.warehouse == code and seed.quantity > 0]
        for number, part in enumerate(chunks(seeds)):
            lines = [{"sku": sku_of(seed.product_id), "quantity": seed.quantity} for seed in part]
            body = {"warehouse_id": warehouse_id, "reference": f"opening-{code}-{number}", "lines": lines}
            await front.post("/v1/receipts", body)
            done += len(part)
            step("opening stock", done, len(opening))


async def put_on_shelf(
    front: Shopfront,
    town: Town,
    assortment: Mapping[int, Assortment],
    *,
    prices: Mapping[int, int],
    titles: Mapping[int, str],
    step: Step,
) -> None:
    """A listing per shop and product at the product's list price."""
    listings: list[dict[str, Any]] = [
        {
            "store_id": town.stores[shop],
            "sku": sku_of(product_id),
            "title": titles[product_id],
            "price": to_decimal(max(prices[product_id], 1), CURRENCY),
        }
        for shop, pool in assortment.items()
        for product_id in pool.product_ids
    ]
    for number, part in enumerate(chunks(listings)):
        require(await front.batch("/v1/listings:batch", part), "listings")
        step("listings", min((number + 1) * BATCH, len(listings)), len(listings))


async def declare_campaigns(front: Shopfront, town: Town, start: datetime, end: datetime) -> None:
    """On each own site: 5 off from 40, 12 off from 80 (满减), for the time of the demo."""
    for shop in OWN_SITE_SHOPS:
        body = {
            "store_id": town.stores[shop],
            "name": "满40减5 满80减12",
            "starts_at": (start - timedelta(days=1)).isoformat(),
            "ends_at": (end + timedelta(days=1)).isoformat(),
            "tiers": [{"threshold": "40.00", "off": "5.00"}, {"threshold": "80.00", "off": "12.00"}],
        }
        await front.post("/v1/campaigns", body)


async def wait_for_payment(front: Shopfront, town: Town, *, at_least: timedelta) -> None:
    """Let own sites wait for a buyer who pays a step or two after the order's (ORD-2: half an hour unless set)."""
    if at_least <= EXPIRE_AFTER:
        return
    for shop in OWN_SITE_SHOPS:
        minutes = int(at_least.total_seconds()) // 60
        await front.put_first(f"/v1/ship-promises/{town.stores[shop]}", {"expire_after_minutes": minutes})
