"""Who may see which figures, and what a wrong question is answered."""

from typing import Any

from storeops.common.auth.permissions import Role
from storeops.common.clock import machine_now
from storeops.common.contracts.platform import StoreOpened
from storeops.common.ids import new_id
from storeops.common.testing.harness import Harness

PERIOD = {"from": "2026-11-01", "to": "2026-11-11"}


async def opened(harness: Harness) -> str:
    facts: dict[str, Any] = {
        "brand_id": new_id("brd"),
        "name": "Tea",
        "channel": "jd",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
    }
    store = StoreOpened(store_id=new_id("sto"), occurred_at=machine_now(), **facts)
    await harness.publish_from("reporting", store)
    await harness.drain()
    return store.store_id


async def test_a_caller_sees_their_own_stores_only(harness: Harness) -> None:
    mine, foreign = await opened(harness), await opened(harness)
    client = await harness.client(Role.STORE_MANAGER, stores=[mine])
    days = (await client.get("/v1/figures/days", params=PERIOD | {"limit": "200"})).json()["items"]
    assert {row["store_id"] for row in days} == {mine}
    assert len(days) == 11
    summary = (await client.get("/v1/figures/summary", params=PERIOD)).json()
    assert [row["store_id"] for row in summary["stores"]] == [mine]
    for path in ("days", "summary"):
        answer = await client.get(f"/v1/figures/{path}", params=PERIOD | {"store_id": foreign})
        assert (answer.status_code, answer.json()["code"]) == (403, "store_forbidden")
    for path in ("orders?figure=sales", "products"):
        assert (await client.get(f"/v1/figures/days/{foreign}/2026-11-11/{path}")).status_code == 403


async def test_figures_are_for_those_who_steer(harness: Harness) -> None:
    for role, status in ((None, 401), (Role.WAREHOUSE, 403), (Role.FINANCE, 200)):
        client = await harness.client(role)
        for path in ("days", "summary"):
            assert (await client.get(f"/v1/figures/{path}", params=PERIOD)).status_code == status
        assert (await client.get("/v1/figures/definitions")).status_code == status


async def test_pages_hold_every_day_of_every_store_once(harness: Harness) -> None:
    stores = sorted([await opened(harness), await opened(harness)])
    client = await harness.client(Role.FINANCE)
    seen: list[tuple[str, str]] = []
    query: dict[str, Any] = PERIOD | {"limit": "5"}
    while True:
        page = (await client.get("/v1/figures/days", params=query)).json()
        seen += [(row["day"], row["store_id"]) for row in page["items"]]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [(f"2026-11-{day:02d}", store) for day in range(1, 12) for store in stores]


WRONG: list[tuple[str, dict[str, str], str]] = [
    ("days", {"from": "2026-11-11", "to": "2026-11-01"}, "period_invalid"),
    ("days", {"from": "2024-11-11", "to": "2026-11-01"}, "period_invalid"),
    ("summary", {"from": "2024-11-11", "to": "2026-11-01"}, "period_invalid"),
    ("days", {"from": "0001-01-01", "to": "0001-01-01"}, "invalid_request"),
    ("days", PERIOD | {"synthetic": "maybe"}, "invalid_request"),
    ("days", PERIOD | {"colour": "red"}, "unknown_parameter"),
    ("days", PERIOD | {"cursor": "WzEsMl0"}, "cursor_malformed"),
    ("days/{store}/2026-11-11/orders", {"figure": "profit"}, "figure_unknown"),
    (
        "days/{store}/2026-11-11/orders",
        {"figure": "sales", "cursor": "WyIyMDI2LTExLTExIiwgIngiXQ"},
        "cursor_malformed",
    ),
    ("days/{store}/yesterday/orders", {"figure": "sales"}, "invalid_request"),
]


async def test_wrong_questions_are_named(harness: Harness) -> None:
    store = await opened(harness)
    client = await harness.client(Role.FINANCE)
    for path, query, code in WRONG:
        answer = await client.get(f"/v1/figures/{path.format(store=store)}", params=query)
        assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_an_unknown_store_is_not_found(harness: Harness) -> None:
    client = await harness.client(Role.FINANCE)
    answer = await client.get(f"/v1/figures/days/{new_id('sto')}/2026-11-11/orders", params={"figure": "sales"})
    assert (answer.status_code, answer.json()["code"]) == (404, "store_not_found")


async def test_definitions_say_what_each_figure_counts(harness: Harness) -> None:
    client = await harness.client(Role.FINANCE)
    definitions = (await client.get("/v1/figures/definitions")).json()
    sales = next(row for row in definitions["figures"] if row["name"] == "sales")
    assert sales["unit"] == "money"
    assert "before refunds" in sales["definition"]
    assert {row["name"] for row in definitions["rates"]} >= {"conversion", "average_order_value", "ship_in_time_rate"}
