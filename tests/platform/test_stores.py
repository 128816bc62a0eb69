"""Brands and stores: what is announced, who sees them, how edits meet."""

from typing import TYPE_CHECKING

import pytest
from storeops.common.auth.permissions import Role
from storeops.common.contracts.platform import StoreChanged, StoreOpened
from storeops.common.db import reading
from storeops.common.ids import new_id
from storeops.common.scope import Scope
from storeops.common.testing.harness import Harness

if TYPE_CHECKING:
    from .conftest import Company


async def test_an_opened_store_is_announced_and_every_change_follows_it(harness: Harness, company: "Company") -> None:
    brand = await company.brand("青禾")
    store = await company.store(brand, "青禾天猫旗舰店", currency="USD")
    read = await company.owner.get(f"/v1/stores/{store}")
    changed = await company.owner.patch(
        f"/v1/stores/{store}", json={"name": "青禾旗舰店"}, headers={"if-match": read.headers["etag"]}
    )

    assert (changed.status_code, changed.json()["version"], changed.headers["etag"]) == (200, 2, '"v2"')
    [opened], [change] = await harness.published(StoreOpened), await harness.published(StoreChanged)
    assert (opened.store_id, opened.brand_id, opened.name) == (store, brand, "青禾天猫旗舰店")
    assert (opened.time_zone, opened.currency, opened.channel) == ("Asia/Shanghai", "USD", "tmall")
    assert (change.name, change.time_zone, change.currency) == ("青禾旗舰店", "Asia/Shanghai", "USD")
    async with harness.reading("platform") as session:
        rows = await session.fetch("SELECT sequence FROM platform.outbox WHERE key = $1 ORDER BY id", store)
    assert [row[0] for row in rows] == [1, 2]


async def test_an_edit_must_name_the_version_it_saw(harness: Harness, company: "Company") -> None:
    store = await company.store(await company.brand("青禾"), "旧名")
    path = f"/v1/stores/{store}"

    blind = await company.owner.patch(path, json={"name": "新名"})
    await company.owner.patch(path, json={"name": "新名"}, headers={"if-match": '"v1"'})
    stale = await company.owner.patch(path, json={"name": "另一个"}, headers={"if-match": '"v1"'})
    idle = await company.owner.patch(path, json={"name": "新名"}, headers={"if-match": '"v2"'})

    assert (blind.status_code, blind.json()["code"]) == (428, "if_match_required")
    assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
    assert (idle.status_code, idle.json()["version"]) == (200, 2)
    assert len(await harness.published(StoreChanged)) == 1


async def test_a_caller_sees_the_stores_of_the_token_and_their_brands(harness: Harness, company: "Company") -> None:
    mine, theirs = await company.brand("青禾"), await company.brand("山岚")
    my_store, foreign = await company.store(mine, "甲"), await company.store(theirs, "乙")
    manager = await harness.client(Role.STORE_MANAGER, stores=[my_store])

    assert (await manager.get(f"/v1/stores/{my_store}")).status_code == 200
    assert (await manager.get(f"/v1/stores/{foreign}")).status_code == 404
    assert (await manager.get(f"/v1/brands/{mine}")).status_code == 200
    assert (await manager.get(f"/v1/brands/{theirs}")).status_code == 404
    assert [row["store_id"] for row in (await manager.get("/v1/stores")).json()["items"]] == [my_store]
    assert [row["brand_id"] for row in (await manager.get("/v1/brands")).json()["items"]] == [mine]
    assert (await manager.get("/v1/stores", params={"brand_id": theirs})).json()["items"] == []


async def test_the_wall_holds_below_the_queries(harness: Harness, company: "Company") -> None:
    brand = await company.brand("青禾")
    await company.store(brand, "甲")
    nobody = Scope("platform", "test", frozenset({new_id("sto")}))
    async with reading(harness.parts.databases["platform"], nobody) as session:
        assert await session.fetch("SELECT FROM platform.store") == []
        assert await session.fetch("SELECT FROM platform.brand") == []
        assert len(await session.fetch("SELECT * FROM platform.stores_of_brands($1)", [brand])) == 1


@pytest.mark.parametrize("role", [role for role in Role if role != Role.OWNER])
async def test_only_an_owner_manages_stores(harness: Harness, company: "Company", role: Role) -> None:
    store = await company.store(await company.brand("青禾"), "甲")
    client = await harness.client(role)

    assert (await client.post("/v1/brands", json={"name": "山岚"})).status_code == 403
    edit = await client.patch(f"/v1/stores/{store}", json={"name": "乙"}, headers={"if-match": '"v1"'})
    assert edit.status_code == 403
    assert await harness.published(StoreChanged) == []


async def test_names_are_unique_where_they_must_be(company: "Company") -> None:
    first, second = await company.brand("青禾"), await company.brand("山岚")
    await company.store(first, "旗舰店")
    await company.store(second, "旗舰店")

    again = await company.owner.post("/v1/brands", json={"name": " 青禾 "})
    twice = await company.owner.post("/v1/stores", json={"brand_id": first, "name": "旗舰店", "channel": "jd"})

    assert (again.status_code, again.json()["code"]) == (409, "brand_name_taken")
    assert (twice.status_code, twice.json()["code"]) == (409, "store_name_taken")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "/body/time_zone"),
        ({"currency": "XXX"}, "/body/currency"),
        ({"channel": "ebay"}, "/body/channel"),
        ({"name": ""}, "/body/name"),
        ({"brand_id": "brd_" + "0" * 32}, "/body/brand_id"),
        ({"colour": "red"}, "/body/colour"),
    ],
)
async def test_a_store_that_makes_no_sense_is_refused_by_field(
    harness: Harness, company: "Company", change: dict[str, str], field: str
) -> None:
    body = {"brand_id": await company.brand("青禾"), "name": "甲", "channel": "own", **change}
    refused = await company.owner.post("/v1/stores", json=body)

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [field]
    assert await harness.published(StoreOpened) == []


async def test_lists_come_in_pages(company: "Company") -> None:
    brand = await company.brand("青禾")
    stores = [await company.store(brand, f"店{i}") for i in range(3)]

    first = (await company.owner.get("/v1/stores", params={"limit": 2})).json()
    rest = (await company.owner.get("/v1/stores", params={"limit": 2, "cursor": first["next_cursor"]})).json()

    assert [row["store_id"] for row in first["items"] + rest["items"]] == stores
    assert (first["has_more"], rest["has_more"]) == (True, False)
