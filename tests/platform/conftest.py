"""A company in a test: its owner's client and short ways to fill the house."""

from typing import Any

import httpx2
import pytest
from storeops.common.testing.harness import Harness

PASSWORD = "correct horse battery"


class Company:
    """Acts as the owner, and shows the answers."""

    def __init__(self, owner: httpx2.AsyncClient, visitor: httpx2.AsyncClient) -> None:
        self.owner = owner
        self.visitor = visitor

    async def brand(self, name: str) -> str:
        return (await self.made("/v1/brands", {"name": name}))["brand_id"]

    async def store(self, brand_id: str, name: str, **more: Any) -> str:
        return (await self.made("/v1/stores", {"brand_id": brand_id, "name": name, "channel": "tmall", **more}))[
            "store_id"
        ]

    async def staff(self, login: str, *grants: dict[str, Any]) -> dict[str, Any]:
        body = {"login": login, "name": login.title(), "password": PASSWORD, "grants": list(grants)}
        return await self.made("/v1/staff", body)

    async def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.owner.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def sign_in(self, login: str, password: str = PASSWORD) -> httpx2.Response:
        body = {"grant_type": "password", "login": login, "password": password}
        return await self.visitor.post("/v1/tokens", json=body)

    async def token(self, login: str) -> str:
        return (await self.sign_in(login)).json()["access_token"]

    async def me(self, token: str) -> httpx2.Response:
        return await self.visitor.get("/v1/me", headers={"authorization": f"Bearer {token}"})


@pytest.fixture
async def company(harness: Harness) -> Company:
    return Company(await harness.client(), await harness.client(None))
