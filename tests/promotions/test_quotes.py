"""Campaigns and quotes through the API: what runs, what a basket costs, and why (PRM-1, PRM-2)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from storeops.common.auth.permissions import Role
from storeops.common.contracts.inventory import StockRestored
from storeops.common.contracts.platform import StoreOpened
from storeops.common.contracts.promotions import Quote, QuoteBatch, QuoteRefusal
from storeops.common.db import ReadSession
from storeops.common.ids import new_id
from storeops.common.testing.harness import Harness

AT = datetime(2025, 1, 1, tzinfo=UTC)


async def open_shop(harness: Harness, **prices: str) -> str:
    """A store with these SKUs on the shelf."""
    store_id = new_id("sto")
    facts = {"store_id": store_id, "brand_id": new_id("brd"), "name": "Tea", "channel": "own", "currency": "CNY"}
    await harness.publish_from("platform", StoreOpened(occurred_at=AT, time_zone="Asia/Shanghai", **facts))
    await harness.publish_from(
        "inventory", *(StockRestored(occurred_at=AT, store_id=store_id, sku=sku, available=9) for sku in prices)
    )
    await harness.drain()
    owner = await harness.client(Role.OWNER)
    for sku, price in prices.items():
        body = {"store_id": store_id, "sku": sku, "title": sku, "price": price}
        assert (await owner.post("/v1/listings", json=body)).status_code == 201
    return store_id


async def plan(harness: Harness, client: httpx2.AsyncClient, store_id: str, **more: Any) -> dict[str, Any]:
    now = await harness.now()
    body = {
        "store_id": store_id,
        "name": "Double 11",
        "tiers": [{"threshold": "100.00", "off": "10.00"}, {"threshold": "200.00", "off": "30.00"}],
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(days=2)).isoformat(),
        **more,
    }
    answer = await client.post("/v1/campaigns", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def basket(store_id: str, **quantities: int) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]
    return {"store_id": store_id, "lines": lines}


async def test_a_quote_applies_the_best_campaign_and_explains_the_others(harness: Harness) -> None:
    store = await open_shop(harness, TEA="99.99", CUP="10.01")
    client = await harness.client(Role.STORE_MANAGER, stores=[store])
    best = await plan(harness, client, store)
    await plan(harness, client, store, name="Cups", skus=["CUP"], tiers=[{"threshold": "50", "off": "9"}])
    await plan(harness, client, store, name="Pots", skus=["POT"], tiers=[{"threshold": "50", "off": "9"}])
    await plan(harness, client, store, name="Small", tiers=[{"threshold": "20", "off": "5"}])
    tomorrow = (await harness.now() + timedelta(days=1)).isoformat()
    await plan(harness, client, store, name="Tomorrow", starts_at=tomorrow)
    answer = await client.post("/v1/quotes", json=basket(store, TEA=2, CUP=1))
    quote = Quote.model_validate(answer.json())
    assert (quote.currency, quote.gross, quote.discount, quote.net) == ("CNY", 20_999, 3_000, 17_999)
    assert [(line.unit_price, line.gross, line.discount) for line in quote.lines] == [
        (9_999, 19_998, 2_857),
        (1_001, 1_001, 143),
    ]
    assert quote.campaign_ids == (best["campaign_id"],)
    assert {note.name: note.code for note in quote.notes} == {
        "Double 11": "applied",
        "Cups": "below_threshold",
        "Pots": "not_eligible_lines",
        "Small": "beaten_by_other",
    }
    [missing] = [note.missing for note in quote.notes if note.code == "below_threshold"]
    assert missing == 3_999


async def test_what_cannot_be_sold_has_no_quote(harness: Harness) -> None:
    store, foreign = await open_shop(harness, TEA="10", CUP="10"), await open_shop(harness, TEA="1")
    client = await harness.client(Role.STORE_MANAGER, stores=[store])
    [cup] = (await client.get("/v1/listings", params={"sku": "CUP"})).json()["items"]
    await client.post(f"/v1/listings/{cup['listing_id']}/delist", json={"reason": "broken"})
    unlisted = await client.post("/v1/quotes", json=basket(store, TEA=1, NONE=1, CUP=1))
    assert (unlisted.status_code, unlisted.json()["code"]) == (422, "sku_not_listed")
    assert unlisted.json()["errors"] == [
        {"pointer": "/body/lines/1/sku", "value": "NONE", "expected": "a SKU that the store lists"}
    ]
    off = await client.post("/v1/quotes", json=basket(store, TEA=1, CUP=1))
    assert (off.status_code, off.json()["code"]) == (409, "listing_off_shelf")
    assert off.json()["errors"][0]["pointer"] == "/body/lines/1/sku"
    assert (await client.post("/v1/quotes", json=basket(foreign, TEA=1))).status_code == 403
    owner = await harness.client(Role.OWNER)
    unknown = await owner.post("/v1/quotes", json=basket(new_id("sto"), TEA=1))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "store_not_found")
    for wrong in (basket(store, TEA=0), basket(store), {**basket(store, TEA=1), "coupon": "X"}):
        assert (await client.post("/v1/quotes", json=wrong)).status_code == 422


async def test_a_basket_worth_more_than_any_amount_is_refused(harness: Harness) -> None:
    store = await open_shop(harness, GOLD="999999999999.99")
    client = await harness.client(Role.STORE_MANAGER, stores=[store])
    answer = await client.post("/v1/quotes", json=basket(store, GOLD=10_000))
    assert (answer.status_code, answer.json()["code"]) == (422, "quote_too_large")


async def test_a_batch_over_several_stores_takes_two_statements(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await open_shop(harness, TEA="120"), await open_shop(harness, TEA="5")
    hidden = await open_shop(harness, TEA="1")
    client = await harness.client(Role.STORE_MANAGER, stores=[first, second])
    await plan(harness, client, first, name="Tea", skus=["TEA", "CUP"])
    statements: list[str] = []
    fetch = ReadSession.fetch

    async def counted(session: ReadSession, sql: str, *args: Any) -> Any:
        statements.append(sql)
        return await fetch(session, sql, *args)

    monkeypatch.setattr(ReadSession, "fetch", counted)
    baskets = [basket(store, TEA=1) for store in (first, second, hidden, new_id("sto"))]
    answer = await client.post("/v1/quotes:batch", json={"quotes": [*baskets, basket(second, NONE=1)] * 20})
    assert len(statements) == 2
    items = QuoteBatch.model_validate(answer.json()).items
    assert len(items) == 100
    priced = [item for item in items[:5] if isinstance(item, Quote)]
    assert [(quote.store_id, quote.net) for quote in priced] == [(first, 11_000), (second, 500)]
    refused = [item for item in items[:5] if isinstance(item, QuoteRefusal)]
    assert [(item.code, item.status) for item in refused] == [
        ("store_forbidden", 403),
        ("store_forbidden", 403),
        ("sku_not_listed", 422),
    ]
    assert refused[2].errors[0]["pointer"] == "/body/lines/0/sku"


async def test_a_campaign_runs_by_time_and_ends_when_told(harness: Harness) -> None:
    store = await open_shop(harness, TEA="100")
    client = await harness.client(Role.PROMOTER, stores=[store], subject="sta_p")
    start = await harness.now() + timedelta(hours=1)
    made = await plan(harness, client, store, starts_at=start.isoformat())
    path = f"/v1/campaigns/{made['campaign_id']}"
    assert (made["status"], made["kind"], made["tiers"][0]) == (
        "planned",
        "spend_off",
        {"threshold": "100.00", "off": "10.00"},
    )
    assert (await client.get(path)).json() == made
    net = [(await client.post("/v1/quotes", json=basket(store, TEA=1))).json()["net"]]
    await harness.advance(to=start)
    assert (await client.get(path)).json()["status"] == "running"
    net.append((await client.post("/v1/quotes", json=basket(store, TEA=1))).json()["net"])
    ended = (await client.post(f"{path}/end")).json()
    assert (ended["status"], ended["ended_by"]) == ("ended", "sta_p")
    assert (await client.post(f"{path}/end")).json() == ended
    net.append((await client.post("/v1/quotes", json=basket(store, TEA=1))).json()["net"])
    assert net == [10_000, 9_000, 10_000]
    second = await plan(harness, client, store)
    for status, expected in (("ended", made), ("running", second)):
        page = (await client.get("/v1/campaigns", params={"status": status, "store_id": store})).json()
        assert [row["campaign_id"] for row in page["items"]] == [expected["campaign_id"]]
    await harness.advance(hours=48)
    over = (await client.get("/v1/campaigns", params={"limit": 1})).json()
    assert (over["items"][0]["campaign_id"], over["items"][0]["status"]) == (second["campaign_id"], "ended")
    rest = (await client.get("/v1/campaigns", params={"cursor": over["next_cursor"]})).json()
    assert [row["campaign_id"] for row in rest["items"]] == [made["campaign_id"]]


async def test_a_campaign_that_makes_no_sense_is_refused_with_its_field(harness: Harness) -> None:
    store = await open_shop(harness)
    client = await harness.client(Role.PROMOTER, stores=[store])
    sound = {"store_id": store, "name": "x", "tiers": [{"threshold": "10", "off": "1"}]}
    sound |= {"starts_at": "2025-01-01T00:00:00+08:00", "ends_at": "2025-01-02T00:00:00+08:00"}
    refused = [
        ({"tiers": [{"threshold": "10", "off": "10"}]}, "campaign_tiers_invalid", "/body/tiers/0/off"),
        ({"tiers": [{"threshold": "10", "off": "0.001"}]}, "campaign_tiers_invalid", "/body/tiers/0/off"),
        ({"tiers": sound["tiers"] * 2}, "campaign_tiers_invalid", "/body/tiers/1/threshold"),
        ({"tiers": sound["tiers"] * 21}, "invalid_request", "/body/tiers"),
        ({"ends_at": sound["starts_at"]}, "campaign_times_invalid", "/body/ends_at"),
        ({"starts_at": "2025-01-01T00:00:00"}, "invalid_request", "/body/starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "invalid_request", "/body/starts_at"),
    ]
    for change, code, pointer in refused:
        answer = await client.post("/v1/campaigns", json={**sound, **change})
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await client.post("/v1/campaigns", json={**sound, "store_id": new_id("sto")})).status_code == 403
    agent = await harness.client(Role.AGENT, stores=[store])
    assert (await agent.post("/v1/campaigns", json=sound)).status_code == 403
    assert (await agent.get("/v1/campaigns")).json()["items"] == []
    elsewhere = await harness.client(Role.PROMOTER, stores=[await open_shop(harness)])
    made = (await client.post("/v1/campaigns", json=sound)).json()
    assert made["starts_at"] == "2024-12-31T16:00:00Z"
    for answer in (
        await elsewhere.get(f"/v1/campaigns/{made['campaign_id']}"),
        await elsewhere.post(f"/v1/campaigns/{made['campaign_id']}/end"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "campaign_not_found")
