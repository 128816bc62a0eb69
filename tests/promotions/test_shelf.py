"""Listings go on and off the shelf by people and by stock (LST-3), with their one price."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from storeops.common.auth.permissions import Role
from storeops.common.contracts.base import Event
from storeops.common.contracts.inventory import StockOut, StockRestored
from storeops.common.contracts.platform import StoreChanged, StoreOpened
from storeops.common.contracts.promotions import ListingDelisted, ListingListed
from storeops.common.db import WriteSession
from storeops.common.doctor import examine
from storeops.common.http.pages import encode_cursor
from storeops.common.ids import new_id
from storeops.common.testing.harness import Harness
from storeops.promotions.listings import commands
from storeops.promotions.listings.errors import ListingOutOfStock

AT = datetime(2025, 1, 1, tzinfo=UTC)
KEY = "idempotency-key"
STOCKED = ("TEA-250", "TEA", "CUP", "A", "BEFORE", "DURING")


async def open_store(harness: Harness, currency: str = "CNY") -> str:
    store_id = new_id("sto")
    facts = {"store_id": store_id, "brand_id": new_id("brd"), "name": "Tea", "channel": "own", "currency": currency}
    await hear(harness, "platform", StoreOpened(occurred_at=AT, time_zone="Asia/Shanghai", **facts))
    await restock(harness, store_id, *STOCKED)
    return store_id


async def hear(harness: Harness, service: str, *events: Event) -> None:
    await harness.publish_from(service, *events)
    await harness.drain()


async def sell_out(harness: Harness, store_id: str, *skus: str) -> None:
    await hear(harness, "inventory", *(StockOut(occurred_at=AT, store_id=store_id, sku=s, available=0) for s in skus))


async def restock(harness: Harness, store_id: str, *skus: str) -> None:
    facts = (StockRestored(occurred_at=AT, store_id=store_id, sku=sku, available=5) for sku in skus)
    await hear(harness, "inventory", *facts)


def offer(store_id: str, sku: str = "TEA-250", **more: Any) -> dict[str, Any]:
    return {"store_id": store_id, "sku": sku, "title": "龙井 250g", "price": "19.90", **more}


async def listed(client: httpx2.AsyncClient, store_id: str, sku: str = "TEA-250", **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/listings", json=offer(store_id, sku, **more))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def history(client: httpx2.AsyncClient, listing: dict[str, Any]) -> list[tuple[bool, str, str]]:
    page = (await client.get(f"/v1/listings/{listing['listing_id']}/history")).json()
    return [(row["on_shelf"], row["changed_by"], row["reason"]) for row in reversed(page["items"])]


async def assert_sound(harness: Harness) -> None:
    findings = await examine(
        harness.parts.databases["promotions"], "promotions", harness.services["promotions"].invariants
    )
    assert [finding for finding in findings if finding.broken] == []


async def test_a_listing_is_created_read_and_told(harness: Harness) -> None:
    store = await open_store(harness)
    client = await harness.client(Role.EDITOR, stores=[store], subject="sta_ed")
    made = await client.post("/v1/listings", json=offer(store))
    assert made.status_code == 201
    listing = made.json()
    assert (listing["price"], listing["currency"], listing["on_shelf"]) == ("19.90", "CNY", True)
    read = await client.get(made.headers["location"])
    assert read.json() == listing
    assert read.headers["etag"] == made.headers["etag"] == '"v1"'
    await listed(client, store, "CUP", on_shelf=False)
    [told] = await harness.published(ListingListed)
    assert (told.listing_id, told.by, told.reason) == (listing["listing_id"], "sta_ed", "created")
    assert await history(client, listing) == [(True, "sta_ed", "created")]
    await assert_sound(harness)


async def test_what_makes_no_listing_is_refused_with_its_field(harness: Harness) -> None:
    store = await open_store(harness)
    yen = await open_store(harness, "JPY")
    client = await harness.client(Role.EDITOR, stores=[store, yen])
    await listed(client, store)
    refused = [
        (offer(store), 409, "listing_exists", None),
        (offer(store, "A", title="茶" * 31), 422, "title_too_long", "/body/title"),
        (offer(store, "A", price="0.00"), 422, "price_invalid", "/body/price"),
        (offer(store, "A", price="1.999"), 422, "price_invalid", "/body/price"),
        (offer(yen, "A", price="1.50"), 422, "price_invalid", "/body/price"),
        (offer(store, "A", currency="USD"), 422, "currency_mismatch", "/body/currency"),
        (offer(store, "A", colour="red"), 422, "invalid_request", "/body/colour"),
        (offer(new_id("sto"), "A"), 403, "store_forbidden", None),
    ]
    for body, status, code, pointer in refused:
        answer = await client.post("/v1/listings", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert pointer is None or answer.json()["errors"][0]["pointer"] == pointer
    owner = await harness.client(Role.OWNER)
    unknown = await owner.post("/v1/listings", json=offer(new_id("sto"), "A"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "store_not_found")
    assert len((await client.get("/v1/listings")).json()["items"]) == 1


async def test_a_batch_accepts_and_refuses_item_by_item(harness: Harness) -> None:
    store = await open_store(harness)
    client = await harness.client(Role.EDITOR, stores=[store])
    await sell_out(harness, store, "GONE")
    items = [offer(store, "A"), offer(store, "A"), offer(store, "B", price="1.001"), offer(new_id("sto"), "C")]
    body = {"items": [*items, offer(store, "GONE"), offer(store, "OFF", on_shelf=False)]}
    assert (await client.post("/v1/listings:batch", json=body)).status_code == 400
    answer = await client.post("/v1/listings:batch", json=body, headers={KEY: "k1"})
    results = answer.json()["items"]
    assert [each["status"] for each in results] == [201, 409, 422, 403, 201, 201]
    assert [each["problem"]["code"] for each in results if each["problem"]] == [
        "listing_exists",
        "price_invalid",
        "store_forbidden",
    ]
    assert results[2]["problem"]["errors"][0]["pointer"] == "/body/items/2/price"
    assert [each["resource"]["on_shelf"] for each in results if each["resource"]] == [True, False, False]
    repeat = await client.post("/v1/listings:batch", json=body, headers={KEY: "k1"})
    assert repeat.json() == answer.json()
    assert [event.sku for event in await harness.published(ListingListed)] == ["A"]
    await assert_sound(harness)


async def test_stock_takes_off_and_puts_back_what_the_system_took(harness: Harness) -> None:
    store, other = await open_store(harness), await open_store(harness)
    client = await harness.client(Role.OWNER, subject="sta_o")
    tea, cup = await listed(client, store, "TEA"), await listed(client, store, "CUP")
    elsewhere = await listed(client, other, "TEA")
    await sell_out(harness, store, "TEA", "CUP", "NEVER-LISTED")
    assert {event.sku for event in await harness.published(ListingDelisted)} == {"TEA", "CUP"}
    now = (await client.get(f"/v1/listings/{tea['listing_id']}")).json()
    assert (now["on_shelf"], now["delisted_by"], now["reason"]) == (False, "system", "out_of_stock")
    assert (await client.get(f"/v1/listings/{elsewhere['listing_id']}")).json()["on_shelf"] is True
    await assert_sound(harness)
    await restock(harness, store, "TEA")
    assert await history(client, tea) == [
        (True, "sta_o", "created"),
        (False, "system", "out_of_stock"),
        (True, "system", "stock_restored"),
    ]
    assert (await client.get(f"/v1/listings/{cup['listing_id']}")).json()["on_shelf"] is False
    assert [event.by for event in await harness.published(ListingListed, tea["listing_id"])] == ["sta_o", "system"]
    await assert_sound(harness)


async def test_what_a_person_took_off_stays_off(harness: Harness) -> None:
    store = await open_store(harness)
    client = await harness.client(Role.EDITOR, stores=[store], subject="sta_ed")
    before, during = await listed(client, store, "BEFORE"), await listed(client, store, "DURING")
    path = f"/v1/listings/{before['listing_id']}"
    off = await client.post(f"{path}/delist", json={"reason": "wrong picture"})
    assert (off.json()["delisted_by"], off.headers["etag"]) == ("sta_ed", '"v2"')
    await sell_out(harness, store, "BEFORE", "DURING")
    taken = await client.post(f"/v1/listings/{during['listing_id']}/delist", json={"reason": "phased out"})
    assert (taken.json()["delisted_by"], taken.json()["reason"]) == ("sta_ed", "phased out")
    again = await client.post(f"/v1/listings/{during['listing_id']}/delist", json={"reason": "once more"})
    assert again.json() == taken.json()
    await restock(harness, store, "BEFORE", "DURING")
    page = (await client.get("/v1/listings", params={"on_shelf": "true"})).json()
    assert page["items"] == []
    # Becoming a person's moved nothing on the shelf: one leaving each is told.
    assert [event.by for event in await harness.published(ListingDelisted, during["listing_id"])] == ["system"]
    back = await client.post(f"{path}/list", json={"reason": "new picture"})
    assert (back.json()["on_shelf"], back.json()["delisted_by"]) == (True, None)
    assert (await client.post(f"{path}/list", json={"reason": "again"})).json() == back.json()
    assert [event.reason for event in await harness.published(ListingListed, before["listing_id"])] == [
        "created",
        "new picture",
    ]
    await assert_sound(harness)


async def test_nobody_puts_on_sale_what_cannot_be_sold(harness: Harness) -> None:
    store = await open_store(harness)
    client = await harness.client(Role.EDITOR, stores=[store], subject="sta_ed")
    await sell_out(harness, store, "TEA", "CUP")
    tea = await listed(client, store, "TEA")
    assert (tea["on_shelf"], tea["delisted_by"], tea["reason"]) == (False, "system", "out_of_stock")
    cup = await listed(client, store, "CUP", on_shelf=False)
    assert cup["delisted_by"] == "sta_ed"
    for listing in (tea, cup):
        answer = await client.post(f"/v1/listings/{listing['listing_id']}/list", json={"reason": "please"})
        assert (answer.status_code, answer.json()["code"]) == (409, "listing_out_of_stock")
    assert await harness.published(ListingListed) == []
    await restock(harness, store, "TEA", "CUP")
    assert [event.sku for event in await harness.published(ListingListed)] == ["TEA"]
    await assert_sound(harness)


async def test_what_no_stock_was_heard_of_waits_for_it_off_the_shelf(harness: Harness) -> None:
    store = await open_store(harness)
    client = await harness.client(Role.EDITOR, stores=[store], subject="sta_ed")
    new = await listed(client, store, "NEW")
    assert (new["on_shelf"], new["delisted_by"], new["reason"]) == (False, "system", "out_of_stock")
    prepared = await listed(client, store, "PREPARED", on_shelf=False)
    for listing in (new, prepared):
        answer = await client.post(f"/v1/listings/{listing['listing_id']}/list", json={"reason": "please"})
        assert (answer.status_code, answer.json()["code"]) == (409, "listing_out_of_stock")
    await restock(harness, store, "NEW", "PREPARED")
    assert await history(client, new) == [(False, "system", "out_of_stock"), (True, "system", "stock_restored")]
    assert [(event.sku, event.by) for event in await harness.published(ListingListed)] == [("NEW", "system")]
    await assert_sound(harness)


async def test_a_person_and_the_news_of_stock_cannot_miss_each_other(harness: Harness) -> None:
    store = await open_store(harness)
    client = await harness.client(Role.EDITOR, stores=[store])
    tea, cup = await listed(client, store, "TEA", on_shelf=False), await listed(client, store, "CUP", on_shelf=False)

    async def put_on_shelf(listing: dict[str, Any]) -> None:
        async with harness.transaction("promotions") as session:
            await commands.put_on_shelf(session, listing["listing_id"], "new season")

    async def take_off(sku: str) -> None:
        async with harness.transaction("promotions") as session:
            gone = StockOut(occurred_at=AT, store_id=store, sku=sku, available=0)
            await commands.take_off_sold_out(session, [gone])

    async with harness.transaction("promotions") as session:
        await commands.put_on_shelf(session, tea["listing_id"], "new season")
        news = asyncio.create_task(take_off("TEA"))
        await until_waiting(session, news)
    await news
    assert (await client.get(f"/v1/listings/{tea['listing_id']}")).json()["delisted_by"] == "system"
    async with harness.transaction("promotions") as session:
        await commands.take_off_sold_out(session, [StockOut(occurred_at=AT, store_id=store, sku="CUP", available=0)])
        person = asyncio.create_task(put_on_shelf(cup))
        await until_waiting(session, person)
    with pytest.raises(ListingOutOfStock):
        await person
    await assert_sound(harness)


async def until_waiting(session: WriteSession, other: asyncio.Task[None]) -> None:
    """Until the other one waits for a lock that this session holds, or needs none."""
    held_up = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    while not other.done() and not await session.fetchval(held_up):
        pass


async def test_stock_news_of_one_sku_in_one_batch_end_where_the_last_says(harness: Harness) -> None:
    store = await open_store(harness)
    client = await harness.client(Role.EDITOR, stores=[store])
    tea = await listed(client, store, "TEA")
    gone = StockOut(occurred_at=AT, store_id=store, sku="TEA", available=0)
    back = StockRestored(occurred_at=AT, store_id=store, sku="TEA", available=3)
    await hear(harness, "inventory", gone, back, gone)
    assert (await client.get(f"/v1/listings/{tea['listing_id']}")).json()["on_shelf"] is False
    assert len(await harness.published(ListingDelisted)) == 2
    await assert_sound(harness)


async def test_a_price_changes_only_on_the_version_that_was_read(harness: Harness) -> None:
    store = await open_store(harness)
    client = await harness.client(Role.STORE_MANAGER, stores=[store], subject="sta_sm")
    listing = await listed(client, store)
    path = f"/v1/listings/{listing['listing_id']}/price"
    assert (await client.put(path, json={"price": "9.90"})).status_code == 428
    changed = await client.put(path, json={"price": "9.90", "currency": "CNY"}, headers={"if-match": '"v1"'})
    assert (changed.json()["price"], changed.headers["etag"]) == ("9.90", '"v2"')
    stale = await client.put(path, json={"price": "8.80"}, headers={"if-match": '"v1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
    wrong = await client.put(path, json={"price": "8.80", "currency": "EUR"}, headers={"if-match": '"v2"'})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "currency_mismatch")
    [change] = (await client.get(f"{path}s")).json()["items"]
    assert (change["previous_price"], change["price"], change["changed_by"]) == ("19.90", "9.90", "sta_sm")
    editor = await harness.client(Role.EDITOR, stores=[store])
    assert (await editor.put(path, json={"price": "1.00"}, headers={"if-match": "*"})).status_code == 403
    await assert_sound(harness)


async def test_a_store_that_changed_its_currency_is_known_by_it(harness: Harness) -> None:
    store = await open_store(harness)
    client = await harness.client(Role.STORE_MANAGER, stores=[store])
    listing = await listed(client, store)
    moved = StoreChanged(
        occurred_at=AT, store_id=store, brand_id="brd_1", name="T", channel="own", time_zone="UTC", currency="JPY"
    )
    await hear(harness, "platform", moved)
    basket = {"store_id": store, "lines": [{"sku": "TEA-250", "quantity": 1}]}
    stale = await client.post("/v1/quotes", json=basket)
    assert (stale.status_code, stale.json()["code"]) == (409, "price_currency_stale")
    path = f"/v1/listings/{listing['listing_id']}/price"
    assert (await client.put(path, json={"price": "300"}, headers={"if-match": '"v1"'})).json()["currency"] == "JPY"
    assert (await client.post("/v1/quotes", json=basket)).json()["net"] == 300
    await assert_sound(harness)


async def test_lists_show_only_own_stores_page_by_page(harness: Harness) -> None:
    mine, foreign = await open_store(harness), await open_store(harness)
    owner = await harness.client(Role.OWNER)
    for number in range(5):
        await listed(owner, mine, f"SKU-{number}")
    theirs = await listed(owner, foreign)
    client = await harness.client(Role.AGENT, stores=[mine])
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/listings", params=params)).json()
        seen += [row["sku"] for row in page["items"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert seen == [f"SKU-{number}" for number in range(5)]
    [one] = (await client.get("/v1/listings", params={"store_id": mine, "sku": "SKU-3"})).json()["items"]
    assert one["sku"] == "SKU-3"
    assert (await client.get("/v1/listings", params={"store_id": foreign})).status_code == 403
    forged = encode_cursor([2**40])
    bad = await client.get(f"/v1/listings/{one['listing_id']}/history", params={"cursor": forged})
    assert (bad.status_code, bad.json()["code"]) == (422, "cursor_malformed")
    for path in ("", "/history", "/prices"):
        assert (await client.get(f"/v1/listings/{theirs['listing_id']}{path}")).status_code == 404
    editor = await harness.client(Role.EDITOR, stores=[mine])
    for action in ("list", "delist"):
        answer = await editor.post(f"/v1/listings/{theirs['listing_id']}/{action}", json={"reason": "x"})
        assert (answer.status_code, answer.json()["code"]) == (404, "listing_not_found")
