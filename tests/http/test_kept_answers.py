"""What is kept under an Idempotency-Key can be read by whoever asked, in any process, and by nobody else."""

import asyncio

from fastapi import Response
from httpx2 import ASGITransport, AsyncClient
from storeops.common.auth.permissions import Role
from storeops.common.db import transaction
from storeops.common.http.idempotency import Slot, record
from storeops.common.runtime import assemble
from storeops.common.scope import Scope
from storeops.common.service import Service
from storeops.common.settings import Settings
from storeops.common.testing.harness import Harness, trusting

NAME = "canary Wang Xiaoming"
KEYED = {"idempotency-key": "once"}


async def test_an_answer_is_unreadable_in_its_table_and_replayed_by_another_process(
    harness: Harness, settings: Settings, services: dict[str, Service]
) -> None:
    client = await harness.client(subject="sta_1")
    first = await client.post("/v1/brands", json={"name": NAME}, headers=KEYED)
    assert first.status_code == 201
    async with harness.reading("platform") as session:
        [(body,)] = await session.fetch("SELECT body FROM platform.idempotency")
    assert b"canary" not in body

    async with assemble(settings, services, alone=True, everyone=services) as other:
        trusting(other.context.verifier)
        headers = {"authorization": client.headers["authorization"], **KEYED}
        async with AsyncClient(transport=ASGITransport(other.application), base_url="http://other") as there:
            again = await there.post("/v1/brands", json={"name": NAME}, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"

    changed = settings.model_copy(update={"service_secret": "another" * 5})
    async with assemble(changed, services, alone=True, everyone=services) as stranger:
        trusting(stranger.context.verifier)
        async with AsyncClient(transport=ASGITransport(stranger.application), base_url="http://stranger") as there:
            lost = await there.post("/v1/brands", json={"name": NAME}, headers=headers)
    assert (lost.status_code, lost.json()["code"]) == (409, "stored_answer_unreadable")


def test_the_same_answer_never_looks_the_same() -> None:
    scope, slot = Scope("platform", "sta_1"), Slot("POST /v1/brands", "once", "s" * 32)
    bodies = {record(slot, "print", scope, Response(b"{}")).body for _ in range(8)}
    assert len(bodies) == 8


async def test_a_wait_for_another_lock_is_busy_and_not_a_repeat_in_progress(harness: Harness) -> None:
    client = await harness.client(Role.OWNER)
    brand = (await client.post("/v1/brands", json={"name": "x"})).json()["brand_id"]
    body = {"brand_id": brand, "name": "store", "channel": "tmall"}
    database = harness.parts.databases["platform"]
    async with transaction(database, Scope("platform", "test")) as session:
        await session.fetch("LOCK TABLE platform.store IN ACCESS EXCLUSIVE MODE")
        asked = asyncio.create_task(client.post("/v1/stores", json=body, headers=KEYED))
        answer = await asked
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "database_busy", "1")
