"""Traffic handed in as JSON or CSV: published, archived, counted; nothing is lost and nothing foreign gets in."""

from datetime import UTC, datetime
from typing import Any

from storeops.common.auth.permissions import Role
from storeops.common.contracts.platform import StoreOpened
from storeops.common.contracts.reporting import TrafficRecorded
from storeops.common.ids import new_id
from storeops.common.testing.harness import Harness

HEADER = "store_id,day,source,terminal,visitors,page_views,provider"
CSV = {"content-type": "text/csv"}


async def opened(harness: Harness) -> str:
    facts: dict[str, Any] = {
        "brand_id": new_id("brd"),
        "name": "Tea",
        "channel": "jd",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
    }
    store = StoreOpened(store_id=new_id("sto"), occurred_at=datetime(2026, 1, 1, tzinfo=UTC), **facts)
    await harness.publish_from("reporting", store)
    await harness.drain()
    return store.store_id


def item(store: str, **changes: Any) -> dict[str, Any]:
    figures = {"visitors": 1204, "page_views": 3811, "provider": "sycm"}
    return {"store_id": store, "day": "2026-03-01", "source": "search", "terminal": "mobile", **figures, **changes}


async def visitors(harness: Harness, store: str) -> int:
    await harness.drain()
    client = await harness.client(Role.FINANCE)
    query = {"store_id": store, "from": "2026-03-01", "to": "2026-03-01"}
    [row] = (await client.get("/v1/figures/days", params=query)).json()["items"]
    return row["figures"]["visitors"]


async def test_handed_in_figures_are_events_first(harness: Harness) -> None:
    store, other = await opened(harness), await opened(harness)
    client = await harness.client(Role.CHANNEL)
    body = {"items": [item(store), item(store, source="display"), item(other), item(store, visitors=1000)]}
    answer = await client.post("/v1/traffic", json=body)
    assert (answer.status_code, [row["status"] for row in answer.json()["items"]]) == (202, [202] * 4)
    assert await visitors(harness, store) == 2204
    events = await harness.published(TrafficRecorded, store)
    assert [(event.source, event.visitors) for event in events] == [
        ("search", 1204), ("display", 1204), ("search", 1000),
    ]  # fmt: skip
    await client.post("/v1/traffic", json={"items": [item(store, visitors=7)]})
    assert await visitors(harness, store) == 1211


async def test_a_repeat_under_one_key_has_no_second_effect(harness: Harness) -> None:
    store = await opened(harness)
    client = await harness.client(Role.CHANNEL)
    answers = [
        await client.post("/v1/traffic", json={"items": [item(store)]}, headers={"idempotency-key": "monday"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len(await harness.published(TrafficRecorded, store)) == 1


async def test_a_figure_that_makes_no_sense_is_named_and_nothing_taken(harness: Harness) -> None:
    store = await opened(harness)
    client = await harness.client(Role.CHANNEL)
    senseless: list[dict[str, Any]] = [
        {"visitors": -1}, {"visitors": 10**10}, {"source": "rumour"}, {"terminal": "fridge"}, {"day": "tomorrow"},
        {"provider": "<b>"}, {"colour": "red"}, {"page_views": None}, {"store_id": "sto_1"}, {"day": "2200-01-01"},
    ]  # fmt: skip
    for changes in senseless:
        answer = await client.post("/v1/traffic", json={"items": [item(store), item(store, **changes)]})
        assert answer.status_code == 422
        [error] = answer.json()["errors"]
        assert error["pointer"] == f"/body/items/1/{next(iter(changes))}"
    assert await harness.published(TrafficRecorded) == []


async def test_figures_of_a_foreign_store_are_refused(harness: Harness) -> None:
    mine, foreign = await opened(harness), await opened(harness)
    client = await harness.client(Role.PROMOTER, stores=[mine])
    answer = await client.post("/v1/traffic", json={"items": [item(mine), item(foreign)]})
    assert (answer.status_code, answer.json()["code"]) == (403, "store_forbidden")
    agent = await harness.client(Role.AGENT)
    assert (await agent.post("/v1/traffic", json={"items": [item(mine)]})).status_code == 403
    assert await harness.published(TrafficRecorded) == []


async def test_figures_of_an_unknown_store_are_refused_by_themselves(harness: Harness) -> None:
    store = await opened(harness)
    client = await harness.client(Role.CHANNEL)
    answer = await client.post("/v1/traffic", json={"items": [item(new_id("sto")), item(store)]})
    refused, taken = answer.json()["items"]
    assert (refused["status"], refused["problem"]["code"], taken["status"]) == (404, "store_not_found", 202)
    assert len(await harness.published(TrafficRecorded)) == 1


async def test_a_file_is_taken_row_by_row(harness: Harness) -> None:
    mine, foreign = await opened(harness), await opened(harness)
    client = await harness.client(Role.STORE_MANAGER, stores=[mine])
    rows = [
        HEADER,
        f"{mine},2026-03-01,search,mobile,10,30,sycm",
        f"{mine},2026-03-01,search,mobile,ten,30,sycm",
        f"{foreign},2026-03-01,search,mobile,10,30,sycm",
        f"{mine},2026-03-01,search,pc,5,12",
        f"{mine},2200-03-01,search,pc,5,12,sycm",
        "",
        f'{mine},2026-03-01,display,"pc", 4 ,9,sycm',
        f"{mine},2026-03-01,display,pc,4,9,sycm,surplus",
    ]
    answer = await client.post("/v1/traffic/import", content="\r\n".join(rows).encode("utf-8-sig"), headers=CSV)
    assert answer.status_code == 202
    imported = answer.json()
    assert imported["recorded"] == 2
    assert [(row["line"], [error["field"] for error in row["errors"]]) for row in imported["rejected"]] == [
        (3, ["visitors"]), (4, ["store_id"]), (5, ["provider"]), (6, ["day"]), (9, ["more_cells"]),
    ]  # fmt: skip
    assert imported["rejected"][0]["values"]["visitors"] == "ten"
    assert imported["rejected"][0]["errors"][0]["value"] == "ten"
    assert await visitors(harness, mine) == 14


async def test_a_file_that_cannot_be_read_is_refused_whole(harness: Harness) -> None:
    client = await harness.client(Role.STORE_MANAGER)
    for content, status, code in (
        (b"\xff\xfe\xff", 422, "file_unreadable"),
        (b"", 422, "invalid_request"),
        (b"day,visitors\n2026-03-01,1", 422, "header_invalid"),
        (f"{HEADER},visitors\n".encode(), 422, "header_invalid"),
        (f"{HEADER}\n{'x' * 140_000},".encode(), 422, "file_unreadable"),
        (f"{HEADER}\n".encode() + b"a,b,c,d,e,f,g\n" * 5_001, 413, "too_many_rows"),
    ):
        answer = await client.post("/v1/traffic/import", content=content, headers=CSV)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_file_as_marketplaces_write_it_is_read(harness: Harness) -> None:
    store = await opened(harness)
    client = await harness.client(Role.STORE_MANAGER)
    text = f"{HEADER}\n{store},2026-03-01,search,mobile,10,30,生意参谋\n{store},2026-03-01,search,mobile,11,30,sycm\n"
    imported = (await client.post("/v1/traffic/import", content=text.encode("gb18030"), headers=CSV)).json()
    assert imported["recorded"] == 1
    assert imported["rejected"][0]["values"]["provider"] == "生意参谋"
