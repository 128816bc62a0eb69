"""SKUs and warehouses, and who sees which of them."""

from typing import TYPE_CHECKING, Any

import pytest
from storeops.common.auth.permissions import Role
from storeops.common.db import reading
from storeops.common.ids import new_id
from storeops.common.scope import Scope
from storeops.common.testing.harness import Harness

if TYPE_CHECKING:
    from .conftest import Shop

BRAND, OTHER = "brd_" + "b" * 32, "brd_" + "c" * 32


def tea(**more: Any) -> dict[str, Any]:
    return {"sku": "TEA", "brand_id": BRAND, "name": "Longjing", **more}


async def test_a_sku_is_added_once(shop: "Shop") -> None:
    await shop.store()
    answers = [await shop.owner.post("/v1/skus", json=body) for body in (tea(), tea(), tea(name="Oolong"))]
    assert [answer.status_code for answer in answers] == [201, 200, 409]
    assert answers[0].json() == answers[1].json() == (await shop.owner.get("/v1/skus/TEA")).json()
    assert answers[2].json()["code"] == "sku_differs"


async def test_brands_of_a_company_may_sell_the_same_sku(shop: "Shop", harness: Harness) -> None:
    stores = [await shop.store(brand) for brand in (BRAND, OTHER)]
    mine, theirs = [await harness.client(Role.STORE_MANAGER, stores=[store]) for store in stores]
    assert (await mine.post("/v1/skus", json=tea())).json()["brand_ids"] == [BRAND]
    assert (await theirs.get("/v1/skus/TEA")).status_code == 404

    differing = await theirs.post("/v1/skus", json=tea(brand_id=OTHER, unit="box"))
    assert (differing.status_code, differing.json()["code"]) == (409, "sku_differs")
    assert (await theirs.get("/v1/skus/TEA")).status_code == 404
    linked = await theirs.post("/v1/skus", json=tea(brand_id=OTHER))

    assert (linked.status_code, linked.json()["brand_ids"]) == (200, [OTHER])
    for client, brands in ((mine, [BRAND]), (theirs, [OTHER]), (shop.owner, [BRAND, OTHER])):
        [listed] = (await client.get("/v1/skus")).json()["items"]
        assert listed == (await client.get("/v1/skus/TEA")).json()
        assert listed["brand_ids"] == brands


async def test_a_brand_must_be_known(shop: "Shop") -> None:
    answer = await shop.owner.post("/v1/skus", json=tea())
    assert (answer.status_code, answer.json()["code"]) == (422, "brand_unknown")
    assert [(error["pointer"], error["value"]) for error in answer.json()["errors"]] == [("/body/brand_id", BRAND)]


async def test_a_batch_answers_item_by_item(shop: "Shop", harness: Harness) -> None:
    store = await shop.store()
    await shop.made("/v1/skus", tea(sku="OLD"))
    client = await harness.client(Role.PURCHASING, stores=[store])
    items = [tea(sku="NEW"), tea(sku="OLD"), tea(sku="OLD", unit="box"), tea(sku="NEW"), tea(brand_id=OTHER)]

    answer = await client.post("/v1/skus:batch", json={"items": items}, headers={"idempotency-key": "k"})

    results = answer.json()["items"]
    assert [result["status"] for result in results] == [201, 200, 409, 200, 403]
    assert [result["problem"] and result["problem"]["code"] for result in results][2:] == [
        "sku_differs", None, "brand_forbidden",
    ]  # fmt: skip
    assert (await client.post("/v1/skus:batch", json={"items": items})).json()["code"] == "idempotency_key_missing"


async def test_skus_are_listed_by_prefix_and_category(shop: "Shop") -> None:
    await shop.store()
    for code, category in (("A-1", "tea"), ("A-2", "cup"), ("A-3", "tea"), ("B-1", "tea")):
        await shop.made("/v1/skus", tea(sku=code, category=category))

    async def codes(**params: Any) -> list[str]:
        return [item["sku"] for item in (await shop.owner.get("/v1/skus", params=params)).json()["items"]]

    assert await codes(prefix="A-") == ["A-1", "A-2", "A-3"]
    assert await codes(prefix="A-", category="tea") == ["A-1", "A-3"]
    page = (await shop.owner.get("/v1/skus", params={"limit": 3})).json()
    assert await codes(cursor=page["next_cursor"]) == ["B-1"]
    assert (await shop.owner.get("/v1/skus", params={"cursor": "x"})).json()["code"] == "cursor_malformed"
    assert (await shop.owner.get("/v1/skus", params={"colour": "red"})).json()["code"] == "unknown_parameter"


async def test_a_stranger_sees_and_changes_nothing(shop: "Shop", harness: Harness) -> None:
    store, foreign = await shop.store(), await shop.store(OTHER)
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=5)
    await shop.place(store, ("TEA", 1))
    stranger = await harness.client(Role.STORE_MANAGER, stores=[foreign])

    for path in ("/v1/skus", "/v1/warehouses", "/v1/stock", f"/v1/stock?warehouse_id={warehouse}"):
        assert (await stranger.get(path)).json()["items"] == [], path
    for path in ("/v1/skus/TEA", f"/v1/warehouses/{warehouse}", "/v1/skus/TEA/movements"):
        assert (await stranger.get(path)).status_code == 404, path
    for path in (f"/v1/stock?store_id={store}", f"/v1/availability?store_id={store}&sku=TEA"):
        assert (await stranger.get(path)).json()["code"] == "store_forbidden", path
    receipt = {"warehouse_id": warehouse, "reference": "X", "lines": [{"sku": "TEA", "quantity": 1}]}
    assert (await stranger.post("/v1/receipts", json=receipt)).status_code == 404
    links = {"store_ids": [foreign]}
    put = await stranger.put(f"/v1/warehouses/{warehouse}/stores", json=links, headers={"if-match": "*"})
    assert put.status_code == 404
    opened = await stranger.post("/v1/warehouses", json={"name": "Mine", "store_ids": [store]})
    assert opened.json()["code"] == "store_forbidden"
    levels = {"items": [{"sku": "TEA", "level": 1}]}
    assert (await stranger.put(f"/v1/warning-levels/{store}", json=levels)).status_code == 403
    assert (await stranger.post("/v1/skus", json=tea(sku="MINE"))).json()["code"] == "brand_forbidden"
    assert await shop.level(warehouse, "TEA") == (5, 4, 1)


TABLES = (
    "store", "sku", "sku_brand", "warehouse", "warehouse_store", "stock_level", "movement", "receipt", "receipt_line",
    "adjustment", "order_allocation", "allocation_line", "store_stock",
)  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
async def test_the_database_hides_foreign_rows(shop: "Shop", harness: Harness, table: str) -> None:
    store, foreign = await shop.store(), new_id("sto")
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=5)
    await shop.adjust(warehouse, "TEA", -1)
    await shop.place(store, ("TEA", 1))
    seen: list[int] = []
    for stores in (frozenset({store}), frozenset({foreign})):
        async with reading(harness.parts.databases["inventory"], Scope("inventory", "test", stores)) as session:
            seen.append(await session.fetchval(f"SELECT count(*) FROM inventory.{table}"))
    assert seen[0] > 0
    assert seen[1] == 0


async def test_a_shared_warehouse_keeps_the_stores_that_its_editor_does_not_see(shop: "Shop", harness: Harness) -> None:
    mine, theirs, new = [await shop.store() for _ in range(3)]
    warehouse = await shop.warehouse(mine, theirs)
    manager = await harness.client(Role.STORE_MANAGER, stores=[mine, new])
    read = await manager.get(f"/v1/warehouses/{warehouse}")
    assert [link["store_id"] for link in read.json()["stores"]] == [mine]

    body = {"store_ids": [{"store_id": new, "priority": 7}]}
    path = f"/v1/warehouses/{warehouse}/stores"
    assert (await manager.put(path, json=body)).status_code == 428
    assert (await manager.put(path, json=body, headers={"if-match": '"v9"'})).status_code == 412
    changed = await manager.put(path, json=body, headers={"if-match": read.headers["etag"]})

    assert changed.json()["stores"] == [{"store_id": new, "priority": 7}]
    assert changed.headers["etag"] == '"v2"'
    kept = (await shop.owner.get(f"/v1/warehouses/{warehouse}")).json()["stores"]
    assert {link["store_id"] for link in kept} == {theirs, new}
    ghost = {"name": "Ghost", "store_ids": ["sto_" + "0" * 32]}
    assert (await shop.owner.post("/v1/warehouses", json=ghost)).json()["code"] == "store_unknown"


async def test_a_receipt_by_one_store_s_person_serves_every_store_of_the_warehouse(
    shop: "Shop", harness: Harness
) -> None:
    mine, theirs = await shop.store(), await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(mine, theirs)
    waiting = await shop.place(theirs, ("TEA", 1))
    keeper = await harness.client(Role.WAREHOUSE, stores=[mine])

    body = {"warehouse_id": warehouse, "reference": "DN-1", "lines": [{"sku": "TEA", "quantity": 1}]}
    assert (await keeper.post("/v1/receipts", json=body)).status_code == 201
    await harness.drain()

    assert await shop.state_of(waiting) == "allocated"
    await shop.assert_sound()
