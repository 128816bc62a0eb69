"""People: taking them in, granting, revoking, letting go."""

from typing import TYPE_CHECKING, Any

import pytest
from storeops.common.auth.permissions import Role
from storeops.common.contracts.platform import StaffGranted, StaffRevoked
from storeops.common.ids import new_id
from storeops.common.testing.harness import Harness
from storeops.platform.invariants import invariants
from storeops.platform.staff.commands import ensure_owner
from storeops.platform.staff.errors import FirstOwnerInvalid

if TYPE_CHECKING:
    from .conftest import Company

EVERYWHERE = {"role": "agent", "scope": "all"}


async def test_grants_given_and_taken_are_announced_in_order(harness: Harness, company: "Company") -> None:
    store = await company.store(await company.brand("青禾"), "甲")
    person = await company.staff("Lin.Yue", EVERYWHERE)
    path = f"/v1/staff/{person['staff_id']}"
    given = await company.owner.post(f"{path}/grants", json={"role": "editor", "scope": "stores", "store_ids": [store]})
    taken = await company.owner.delete(f"{path}/grants/{person['grants'][0]['grant_id']}")

    assert (person["login"], given.status_code, taken.status_code) == ("lin.yue", 201, 204)
    assert [grant["role"] for grant in (await company.owner.get(path)).json()["grants"]] == ["editor"]
    granted, revoked = await harness.published(StaffGranted), await harness.published(StaffRevoked)
    assert [(event.role, event.scope, event.store_ids) for event in granted] == [
        ("agent", "all", ()),
        ("editor", "stores", (store,)),
    ]
    assert [event.role for event in revoked] == ["agent"]
    async with harness.reading("platform") as session:
        rows = await session.fetch("SELECT sequence FROM platform.outbox WHERE topic = 'staff' ORDER BY id")
    assert [row[0] for row in rows] == [1, 2, 3]


async def test_who_leaves_loses_grants_and_sign_in(harness: Harness, company: "Company") -> None:
    person = await company.staff("lin", EVERYWHERE, {"role": "editor", "scope": "all"})
    path = f"/v1/staff/{person['staff_id']}"

    for _ in range(2):
        gone = await company.owner.post(f"{path}/deactivate")
        assert (gone.status_code, gone.json()["active"], gone.json()["grants"]) == (200, False, [])
    late = await company.owner.post(f"{path}/grants", json=EVERYWHERE)

    assert (late.status_code, late.json()["code"]) == (409, "staff_inactive")
    assert (await company.sign_in("lin")).status_code == 401
    assert len(await harness.published(StaffRevoked)) == 2
    async with harness.reading("platform") as session:
        assert [await invariant.check(session) for invariant in invariants] == [[], []]


async def test_the_last_owner_stays(company: "Company") -> None:
    owner = {"role": "owner", "scope": "all"}
    first, second = await company.staff("first", owner), await company.staff("second", owner)

    assert (await company.owner.post(f"/v1/staff/{first['staff_id']}/deactivate")).status_code == 200
    last = f"/v1/staff/{second['staff_id']}"
    kept = await company.owner.post(f"{last}/deactivate")
    held = await company.owner.delete(f"{last}/grants/{second['grants'][0]['grant_id']}")

    assert (kept.status_code, held.status_code, held.json()["code"]) == (409, 409, "last_owner")
    assert (await company.sign_in("second")).status_code == 200


async def test_a_manager_sees_who_works_in_their_stores(harness: Harness, company: "Company") -> None:
    mine, theirs = await company.brand("青禾"), await company.brand("山岚")
    my_store, foreign = await company.store(mine, "甲"), await company.store(theirs, "乙")
    by_store = await company.staff(
        "a1", {"role": "agent", "scope": "stores", "store_ids": [my_store, foreign]},
        {"role": "finance", "scope": "stores", "store_ids": [foreign]},
    )  # fmt: skip
    by_brand = await company.staff("a2", {"role": "brand_owner", "scope": "brands", "brand_ids": [mine]})
    everywhere = await company.staff("a3", EVERYWHERE)
    stranger = await company.staff("a4", {"role": "agent", "scope": "brands", "brand_ids": [theirs]})
    manager = await harness.client(Role.STORE_MANAGER, stores=[my_store])

    seen = (await manager.get("/v1/staff")).json()["items"]

    assert [row["staff_id"] for row in seen] == [row["staff_id"] for row in (by_store, by_brand, everywhere)]
    assert [(grant["role"], grant["store_ids"]) for grant in seen[0]["grants"]] == [("agent", [my_store])]
    assert (await manager.get(f"/v1/staff/{by_store['staff_id']}")).json() == seen[0]
    assert (await manager.get(f"/v1/staff/{stranger['staff_id']}")).status_code == 404
    assert (await manager.post("/v1/staff", json={})).status_code == 403


async def test_a_grant_must_name_places_that_exist(harness: Harness, company: "Company") -> None:
    nowhere, nobody = new_id("sto"), new_id("brd")
    grants = [EVERYWHERE, {"role": "agent", "scope": "stores", "store_ids": [nowhere]}]
    body = {"login": "lin", "name": "Lin", "password": "correct horse battery", "grants": grants}
    person = await company.staff("wang")

    unknown_store = await company.owner.post("/v1/staff", json=body)
    unknown_brand = await company.owner.post(
        f"/v1/staff/{person['staff_id']}/grants", json={"role": "agent", "scope": "brands", "brand_ids": [nobody]}
    )

    assert (unknown_store.status_code, unknown_store.json()["code"]) == (422, "unknown_store")
    assert unknown_store.json()["errors"][0]["pointer"] == "/body/grants/1/store_ids/0"
    assert (unknown_brand.status_code, unknown_brand.json()["code"]) == (422, "unknown_brand")
    assert unknown_brand.json()["errors"][0]["pointer"] == "/body/brand_ids/0"
    assert await harness.published(StaffGranted) == []


@pytest.mark.parametrize(
    "grant",
    [
        {"role": "agent", "scope": "stores"},
        {"role": "agent", "scope": "all", "brand_ids": ["brd_" + "0" * 32]},
        {"role": "agent", "scope": "brands", "brand_ids": ["brd_" + "0" * 32], "store_ids": ["sto_" + "0" * 32]},
        {"role": "service", "scope": "all"},
        {"role": "owner", "scope": "stores", "store_ids": ["sto_" + "0" * 32]},
        {"role": "emperor", "scope": "all"},
    ],
)
async def test_a_grant_without_sense_is_refused(company: "Company", grant: dict[str, Any]) -> None:
    person = await company.staff("lin")
    refused = await company.owner.post(f"/v1/staff/{person['staff_id']}/grants", json=grant)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_logins_are_unique_whatever_their_capitals(company: "Company") -> None:
    await company.staff("Lin")
    body = {"login": "LIN", "name": "Another", "password": "correct horse battery"}
    again = await company.owner.post("/v1/staff", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "login_taken")


@pytest.mark.parametrize("change", [{"password": "hunter2-leak"[:11]}, {"login": ""}, {"pass_word": "hunter2-leak"}])
async def test_no_refusal_shows_a_password(company: "Company", change: dict[str, str]) -> None:
    body = {"login": "lin", "name": "Lin", "password": "hunter2-leak", **change}
    refused = await company.owner.post("/v1/staff", json=body)
    missing = await company.owner.post("/v1/staff", json={"password": "hunter2-leak"})

    assert (refused.status_code, missing.status_code) == (422, 422)
    assert "hunter2" not in refused.text + missing.text


async def test_an_empty_installation_gets_one_owner(harness: Harness, company: "Company") -> None:
    async with harness.transaction("platform") as session:
        made = await ensure_owner(session, login="admin", password="correct horse battery")
    async with harness.transaction("platform") as session:
        again = await ensure_owner(session, login="admin", password="another horse battery")

    me = (await company.me(await company.token("admin"))).json()
    assert (me["subject"], me["kind"], again) == (made, "staff", None)
    assert me["grants"] == [{"role": "owner", "stores": None}]


async def test_the_first_owner_needs_a_real_password(harness: Harness) -> None:
    async with harness.transaction("platform") as session:
        with pytest.raises(FirstOwnerInvalid) as refused:
            await ensure_owner(session, login="admin", password="hunter2")
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
