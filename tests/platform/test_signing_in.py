"""Signing in: tokens that others can check, failures that count, keys that change."""

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.util import urlsafe_b64decode
from storeops.common.db import Slot
from storeops.common.http.context import service_proof
from storeops.common.testing.harness import Harness
from storeops.platform.access.commands import forget_failures, replace_old_key, rotate_signing_key
from storeops.platform.access.rules import digest
from storeops.platform.access.turns import AT_ONCE, MAY_WAIT

if TYPE_CHECKING:
    from .conftest import Company


def key_id(token: str) -> str:
    return json.loads(urlsafe_b64decode(token.split(".", maxsplit=1)[0].encode()))["kid"]


async def test_a_person_signs_in_and_anybody_can_check_the_token(company: "Company") -> None:
    brand, other = await company.brand("青禾"), await company.brand("山岚")
    stores = [await company.store(brand, "甲"), await company.store(brand, "乙")]
    apart = await company.store(other, "丙")
    person = await company.staff(
        "lin",
        {"role": "store_manager", "scope": "brands", "brand_ids": [brand]},
        {"role": "store_manager", "scope": "stores", "store_ids": [apart]},
        {"role": "finance", "scope": "all"},
    )

    signed_in = await company.sign_in("LIN")
    answer = signed_in.json()
    keys = (await company.visitor.get("/v1/jwks")).json()
    token = jwt.decode(answer["access_token"], KeySet.import_key_set(keys), algorithms=["ES256"])

    assert (answer["token_type"], answer["expires_in"], answer["subject"]) == ("Bearer", 600, person["staff_id"])
    assert signed_in.headers["cache-control"] == "no-store"
    assert "d" not in keys["keys"][0]
    claims = token.claims
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("storeops", "storeops", person["staff_id"])
    assert (claims["kind"], claims["exp"] - claims["iat"]) == ("staff", 600)
    assert sorted(claims["grants"], key=lambda grant: grant["role"]) == [
        {"role": "finance", "stores": "*"},
        {"role": "store_manager", "stores": sorted([*stores, apart])},
    ]
    listed = await company.visitor.get("/v1/stores", headers={"authorization": f"Bearer {answer['access_token']}"})
    assert len(listed.json()["items"]) == 3


async def test_a_brand_grant_reaches_stores_opened_later(company: "Company") -> None:
    brand = await company.brand("青禾")
    await company.staff("lin", {"role": "agent", "scope": "brands", "brand_ids": [brand]})
    before = (await company.me(await company.token("lin"))).json()["grants"]
    store = await company.store(brand, "甲")
    after = (await company.me(await company.token("lin"))).json()["grants"]

    assert (before, after) == ([{"role": "agent", "stores": []}], [{"role": "agent", "stores": [store]}])


async def test_a_wrong_password_and_an_unknown_name_look_alike(company: "Company") -> None:
    await company.staff("lin")
    wrong, unknown = await company.sign_in("lin", "not the password"), await company.sign_in("nobody")

    assert (wrong.status_code, unknown.status_code) == (401, 401)
    shown = [{**answer.json(), "request_id": ""} for answer in (wrong, unknown)]
    assert shown[0] == shown[1]
    assert shown[0]["code"] == "sign_in_refused"


async def test_five_failures_close_a_name_even_to_the_right_password(company: "Company") -> None:
    await company.staff("lin")
    await company.staff("wang")
    answers = await asyncio.gather(*(company.sign_in("lin", f"guess number {i}") for i in range(9)))
    closed = await company.sign_in("Lin")

    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 4
    assert (closed.status_code, closed.json()["code"]) == (429, "too_many_sign_ins")
    assert 0 < int(closed.headers["retry-after"]) <= 900
    assert (await company.sign_in("wang")).status_code == 200


async def test_a_flood_of_guesses_takes_few_connections_and_others_are_served(
    harness: Harness, company: "Company", monkeypatch: pytest.MonkeyPatch
) -> None:
    await company.staff("wang")
    database = harness.parts.databases["platform"]
    acquire, release = database.acquire, database.release
    used: list[int] = [0]
    held: set[int] = set()

    async def counted() -> Slot:
        slot = await acquire()
        held.add(id(slot.driver))
        used.append(len(held))
        return slot

    def returned(slot: Slot) -> None:
        held.discard(id(slot.driver))
        release(slot)

    monkeypatch.setattr(database, "acquire", counted)
    monkeypatch.setattr(database, "release", returned)
    guesses = [asyncio.create_task(company.sign_in(f"guess{i}", "wrong")) for i in range(60)]
    answers = await asyncio.gather(*guesses)
    crowded = [answer for answer in answers if answer.status_code == 429]

    assert max(used) <= AT_ONCE
    assert len(answers) - len(crowded) == AT_ONCE + MAY_WAIT
    assert {(answer.json()["code"], answer.headers["retry-after"]) for answer in crowded} == {("sign_ins_crowded", "1")}
    assert {answer.status_code for answer in answers if answer not in crowded} == {401}
    assert (await company.sign_in("wang")).status_code == 200


async def test_failures_count_for_a_quarter_of_an_hour(harness: Harness, company: "Company") -> None:
    await company.staff("lin")
    old = (
        "INSERT INTO platform.sign_in_failure (login_digest, failed_at) SELECT $1, now() - $2::int * interval '1 min' "
    )
    async with harness.transaction("platform") as session:
        await session.fetch(f"{old} FROM generate_series(1, 5)", digest("lin"), 16)
        await session.fetch(f"{old} FROM generate_series(1, 4)", digest("lin"), 1)

    assert (await company.sign_in("lin")).status_code == 200
    async with harness.transaction("platform") as session:
        assert await session.fetchval("SELECT count(*) FROM platform.sign_in_failure") == 0
        await session.fetch(f"{old} FROM generate_series(1, 5)", digest("wang"), 16)
        await forget_failures(session)
        assert await session.fetchval("SELECT count(*) FROM platform.sign_in_failure") == 0


async def test_a_new_signing_key_leaves_old_tokens_valid(harness: Harness, company: "Company") -> None:
    await company.staff("lin")
    old = await company.token("lin")
    async with harness.transaction("platform") as session:
        rotated = await rotate_signing_key(session)
    new = await company.token("lin")

    shown = [key["kid"] for key in (await company.visitor.get("/v1/jwks")).json()["keys"]]
    assert key_id(new) == rotated != key_id(old)
    assert set(shown) == {rotated, key_id(old)}
    assert [(await company.me(token)).status_code for token in (old, new)] == [200, 200]


async def test_a_key_is_replaced_when_it_is_old_and_forgotten_when_its_tokens_are_dead(
    harness: Harness, company: "Company"
) -> None:
    await company.visitor.get("/v1/jwks")
    shift = "UPDATE platform.signing_key SET created_at = now() - interval '91 days', retired_at = $1::timestamptz"
    async with harness.transaction("platform") as session:
        await replace_old_key(session)
        assert await session.fetchval("SELECT count(*) FROM platform.signing_key") == 1
        await session.fetch(shift, None)
        await replace_old_key(session)
    assert len((await company.visitor.get("/v1/jwks")).json()["keys"]) == 2

    async with harness.transaction("platform") as session:
        await session.fetch(
            "UPDATE platform.signing_key SET retired_at = now() - interval '2 hours' WHERE retired_at IS NOT NULL"
        )
    assert len((await company.visitor.get("/v1/jwks")).json()["keys"]) == 1


async def test_processes_that_start_at_once_agree_on_one_key(company: "Company") -> None:
    answers = await asyncio.gather(*(company.visitor.get("/v1/jwks") for _ in range(6)))
    assert len({answer.text for answer in answers}) == 1


async def test_a_service_proves_itself(harness: Harness, company: "Company") -> None:
    secret = harness.parts.context.settings.service_secret
    assert secret is not None
    body = {"grant_type": "service", "service": "orders", "proof": service_proof(secret, "orders")}
    admitted = await company.visitor.post("/v1/tokens", json=body)
    borrowed = await company.visitor.post("/v1/tokens", json={**body, "service": "inventory"})

    me = (await company.me(admitted.json()["access_token"])).json()
    assert (me["subject"], me["kind"], me["grants"]) == (
        "service:orders",
        "service",
        [{"role": "service", "stores": None}],
    )
    assert (borrowed.status_code, borrowed.json()["code"]) == (401, "sign_in_refused")


async def test_nothing_secret_is_kept_under_an_idempotency_key(harness: Harness, company: "Company") -> None:
    await company.staff("lin")
    body = {"grant_type": "password", "login": "lin", "password": "correct horse battery"}
    answers = [
        await company.visitor.post("/v1/tokens", json=body, headers={"idempotency-key": "once"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["access_token"] != answers[1].json()["access_token"]
    async with harness.reading("platform") as session:
        assert await session.fetch("SELECT FROM platform.idempotency") == []


async def test_a_malformed_sign_in_names_the_field_and_shows_no_value(company: "Company") -> None:
    for body in (
        {"grant_type": "password", "login": "lin", "password": "hunter2", "passwort": "hunter2"},
        {"grant_type": "password", "password": "hunter2"},
        {"grant_type": "guess", "password": "hunter2"},
        {"login": "lin", "password": "hunter2"},
    ):
        refused = await company.visitor.post("/v1/tokens", json=body)
        assert refused.status_code == 422
        assert refused.json()["errors"]
        assert "hunter2" not in refused.text
