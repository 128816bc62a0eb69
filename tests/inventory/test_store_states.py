"""A store runs low, runs out and can sell again: told once at each crossing, over all its warehouses."""

from typing import TYPE_CHECKING

import orjson
from storeops.common.testing.harness import Harness

if TYPE_CHECKING:
    from .conftest import Shop


async def told(harness: Harness, store_id: str, sku: str = "TEA") -> list[tuple[str, int]]:
    """What was told of a store's SKU, in order, with the pieces it could sell."""
    async with harness.reading("inventory") as session:
        rows = await session.fetch(
            "SELECT type, payload FROM bus.message WHERE key = $1 ORDER BY sequence", f"{store_id}:{sku}"
        )
    return [(row["type"].split(".")[1], orjson.loads(row["payload"])["available"]) for row in rows]


async def set_level(shop: "Shop", store_id: str, level: int) -> dict[str, str]:
    answer = await shop.owner.put(f"/v1/warning-levels/{store_id}", json={"items": [{"sku": "TEA", "level": level}]})
    assert answer.status_code == 200, answer.text
    await shop.harness.drain()
    return answer.json()["items"][0]


async def test_each_crossing_is_told_once(shop: "Shop", harness: Harness) -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    assert (await set_level(shop, store, 3))["state"] == "out"
    await shop.receive(warehouse, TEA=6)
    await shop.place(store, ("TEA", 2))
    await shop.place(store, ("TEA", 1))
    last = await shop.place(store, ("TEA", 1))
    rest = await shop.place(store, ("TEA", 2))
    await shop.cancel(rest)
    await shop.cancel(last)
    await shop.receive(warehouse, TEA=5)
    await shop.adjust(warehouse, "TEA", -8)

    assert await told(harness, store) == [("restored", 6), ("low", 3), ("out", 0), ("restored", 2), ("out", 0)]
    await shop.assert_sound()


async def test_a_store_is_out_when_none_of_its_warehouses_has_a_piece(shop: "Shop", harness: Harness) -> None:
    both, one = await shop.store(), await shop.store()
    await shop.skus("TEA")
    first, second = await shop.warehouse(both, one), await shop.warehouse(both)
    await shop.receive(first, TEA=1)
    await shop.receive(second, TEA=1)

    await shop.place(one, ("TEA", 1))
    assert await told(harness, one) == [("restored", 1), ("out", 0)]
    assert await told(harness, both) == [("restored", 1)]
    await shop.place(both, ("TEA", 1))
    assert await told(harness, both) == [("restored", 1), ("out", 0)]
    await shop.assert_sound()


async def test_a_new_warning_level_warns_at_once(shop: "Shop", harness: Harness) -> None:
    store = await shop.store()
    await shop.skus("TEA")
    await shop.receive(await shop.warehouse(store), TEA=5)

    assert await set_level(shop, store, 5) == {"store_id": store, "sku": "TEA", "state": "low", "warning_level": 5}
    assert (await set_level(shop, store, 4))["state"] == "ok"

    assert await told(harness, store) == [("restored", 5), ("low", 5)]
    listed = (await shop.owner.get(f"/v1/warning-levels/{store}")).json()
    assert [(item["sku"], item["state"], item["warning_level"]) for item in listed["items"]] == [("TEA", "ok", 4)]


async def test_an_unknown_sku_is_named_where_it_stands(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA")
    items = [{"sku": sku, "level": 1} for sku in ("TEA", "TEA", "GHOST")]
    answer = await shop.owner.put(f"/v1/warning-levels/{store}", json={"items": items})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/body/items/2/sku"]


async def test_linking_changes_what_a_store_can_sell(shop: "Shop", harness: Harness) -> None:
    here, there = await shop.store(), await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(here)
    await shop.receive(warehouse, TEA=5)

    async def serve(version: int, *stores: str) -> None:
        answer = await shop.owner.put(
            f"/v1/warehouses/{warehouse}/stores",
            json={"store_ids": list(stores)},
            headers={"if-match": f'"v{version}"'},
        )
        assert answer.status_code == 200, answer.text
        await harness.drain()

    await serve(1, there)
    assert await told(harness, here) == [("restored", 5), ("out", 0)]
    assert await told(harness, there) == [("restored", 5)]
    await serve(2, there, here)
    assert await told(harness, here) == [("restored", 5), ("out", 0), ("restored", 5)]
    await shop.assert_sound()
