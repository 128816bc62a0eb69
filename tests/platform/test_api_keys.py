"""API keys: shown once, exchanged for tokens, revoked."""

from typing import TYPE_CHECKING, Any

from storeops.common.auth.permissions import Role
from storeops.common.testing.harness import Harness

if TYPE_CHECKING:
    import httpx2

    from .conftest import Company


async def exchange(company: "Company", secret: str) -> "httpx2.Response":
    return await company.visitor.post("/v1/tokens", json={"grant_type": "api_key", "api_key": secret})


async def made_key(company: "Company") -> dict[str, Any]:
    brand = await company.brand("青禾")
    await company.store(brand, "甲")
    grant = {"role": "channel", "scope": "brands", "brand_ids": [brand]}
    return await company.made("/v1/api-keys", {"name": "tmall import", "grants": [grant]})


async def test_a_key_is_exchanged_for_a_token_and_works_as_bearer(company: "Company") -> None:
    key = await made_key(company)
    token = (await exchange(company, key["api_key"])).json()

    assert key["api_key"].startswith("sk_")
    assert token["subject"] == key["key_id"]
    for bearer in (token["access_token"], key["api_key"]):
        me = (await company.me(bearer)).json()
        assert (me["subject"], me["kind"], len(me["grants"][0]["stores"])) == (key["key_id"], "key", 1)


async def test_a_secret_is_shown_once_and_kept_as_a_hash(harness: Harness, company: "Company") -> None:
    key = await made_key(company)
    listed = await company.owner.get("/v1/api-keys")

    assert [row["key_id"] for row in listed.json()["items"]] == [key["key_id"]]
    assert "sk_" not in listed.text
    async with harness.reading("platform") as session:
        [row] = await session.fetch("SELECT k::text FROM platform.api_key AS k")
    assert key["api_key"] not in row[0]


async def test_a_revoked_key_is_refused(company: "Company") -> None:
    key = await made_key(company)
    path = f"/v1/api-keys/{key['key_id']}"

    assert [(await company.owner.delete(path)).status_code for _ in range(2)] == [204, 204]
    refused = await exchange(company, key["api_key"])
    assert (refused.status_code, refused.json()["code"]) == (401, "sign_in_refused")
    assert (await company.me(key["api_key"])).status_code == 401
    assert (await company.owner.get("/v1/api-keys")).json()["items"][0]["revoked_at"] is not None


async def test_an_unknown_key_is_refused(company: "Company") -> None:
    assert (await exchange(company, "sk_" + "x" * 43)).status_code == 401
    assert (await company.me("sk_" + "x" * 43)).status_code == 401
    missing = await company.owner.delete("/v1/api-keys/key_" + "0" * 32)
    assert (missing.status_code, missing.json()["code"]) == (404, "api_key_not_found")


async def test_only_an_owner_handles_keys(harness: Harness) -> None:
    manager = await harness.client(Role.STORE_MANAGER)
    assert (await manager.get("/v1/api-keys")).status_code == 403
    assert (await manager.post("/v1/api-keys", json={"name": "x", "grants": []})).status_code == 403
