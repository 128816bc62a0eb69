"""Goods come in and are corrected, once and never below zero."""

from typing import TYPE_CHECKING, Any

import pytest
from storeops.common.contracts.inventory import StockMoved
from storeops.common.testing.harness import Harness

if TYPE_CHECKING:
    from .conftest import Shop


async def test_a_reference_is_received_once(shop: "Shop", harness: Harness) -> None:
    warehouse = await shop.warehouse(await shop.store())
    await shop.skus("TEA", "CUP")
    lines = [{"sku": "TEA", "quantity": 2}, {"sku": "CUP", "quantity": 1}, {"sku": "TEA", "quantity": 3}]
    body = {"warehouse_id": warehouse, "reference": "DN-1", "lines": lines}

    first = await shop.owner.post("/v1/receipts", json=body)
    again = await shop.owner.post("/v1/receipts", json=body | {"lines": list(reversed(lines))})
    other = await shop.owner.post("/v1/receipts", json=body | {"lines": lines[:1]})

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json() == again.json()
    assert first.json()["lines"] == [{"sku": "CUP", "quantity": 1}, {"sku": "TEA", "quantity": 5}]
    assert other.json()["code"] == "receipt_differs"
    assert await shop.level(warehouse, "TEA") == (5, 5, 0)
    moved = await harness.published(StockMoved, f"{warehouse}:TEA")
    assert [(line.kind, line.delta) for event in moved for line in event.movements] == [("received", 5)]
    await shop.assert_sound()


async def test_a_repeat_with_the_same_key_is_answered_from_store(shop: "Shop") -> None:
    warehouse = await shop.warehouse(await shop.store())
    await shop.skus("TEA")
    body = {"warehouse_id": warehouse, "sku": "TEA", "delta": 2, "reason": "found"}

    answers = [await shop.owner.post("/v1/adjustments", json=body, headers={"idempotency-key": "k1"}) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert await shop.level(warehouse, "TEA") == (2, 2, 0)


async def test_an_adjustment_never_goes_below_zero(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA")
    warehouse = await shop.warehouse(store)
    await shop.receive(warehouse, TEA=3)
    await shop.place(store, ("TEA", 2))

    refused = await shop.adjust(warehouse, "TEA", -2)
    taken = await shop.adjust(warehouse, "TEA", -1)

    assert (refused.status_code, refused.json()["code"], refused.json()["available"]) == (409, "stock_insufficient", 1)
    assert (taken.status_code, taken.json()["on_hand"], taken.json()["available"]) == (201, 2, 0)
    assert (await shop.adjust(warehouse, "CUP", -1)).json()["code"] == "sku_unknown"
    await shop.assert_sound()


GOOD: dict[str, Any] = {"reference": "DN-1", "lines": [{"sku": "TEA", "quantity": 1}]}


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"lines": [{"sku": "GHOST", "quantity": 1}]}, "sku_unknown", "/body/lines/0/sku"),
        ({"lines": [{"sku": "TEA", "quantity": 0}]}, "invalid_request", "/body/lines/0/quantity"),
        ({"lines": [{"sku": "TEA", "quantity": 10**12}]}, "invalid_request", "/body/lines/0/quantity"),
        ({"lines": [{"sku": "a b", "quantity": 1}]}, "invalid_request", "/body/lines/0/sku"),
        ({"lines": []}, "invalid_request", "/body/lines"),
        ({"reference": ""}, "invalid_request", "/body/reference"),
        ({"reference": "\0"}, "unprintable_text", None),
        ({"colour": "red"}, "invalid_request", "/body/colour"),
        ({"warehouse_id": "wh_" + "0" * 32}, "warehouse_not_found", None),
    ],
)
async def test_bad_receipts_change_nothing(
    shop: "Shop", change: dict[str, Any], code: str, pointer: str | None
) -> None:
    warehouse = await shop.warehouse(await shop.store())
    await shop.skus("TEA")

    answer = await shop.owner.post("/v1/receipts", json={"warehouse_id": warehouse} | GOOD | change)

    assert (answer.status_code, answer.json()["code"]) == (404 if "not_found" in code else 422, code)
    if pointer:
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await shop.owner.get("/v1/stock")).json()["items"] == []


async def test_levels_and_availability_are_listed(shop: "Shop") -> None:
    store = await shop.store()
    await shop.skus("TEA", "CUP")
    first, second = await shop.warehouse(store), await shop.warehouse({"store_id": store, "priority": 1})
    await shop.receive(first, TEA=3, CUP=1)
    await shop.receive(second, TEA=4)

    page = (await shop.owner.get("/v1/stock", params={"store_id": store, "limit": 2})).json()
    rest = (await shop.owner.get("/v1/stock", params={"store_id": store, "cursor": page["next_cursor"]})).json()
    found = [(row["warehouse_id"], row["sku"], row["on_hand"]) for row in [*page["items"], *rest["items"]]]
    assert found == sorted([(first, "TEA", 3), (first, "CUP", 1), (second, "TEA", 4)])
    answer = await shop.owner.get("/v1/availability", params={"store_id": store, "sku": ["TEA", "GHOST"]})
    tea, ghost = answer.json()["items"]
    assert (tea["available"], ghost["available"]) == (7, 0)
    assert [(place["warehouse_id"], place["available"]) for place in tea["warehouses"]] == [(first, 3), (second, 4)]
