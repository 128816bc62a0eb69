"""What is told to stop stops, also when something wakes it in the same moment."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager

import httpx2
import pytest
from fastapi import FastAPI, Request, Response
from starlette.routing import Route
from storeops.common.db import Database, WriteSession
from storeops.common.embedded.process import free_port
from storeops.common.http import routing
from storeops.common.relay import run_relay
from storeops.common.runtime import run_process
from storeops.common.scope import Scope
from storeops.common.signals import Signals
from storeops.common.testing.harness import Harness


class Idle:
    """A relay that has nothing to move."""

    async def turn(self, limit: int) -> int:
        del limit
        return 0

    async def close(self) -> None:
        pass


async def test_a_relay_that_is_woken_and_cancelled_at_once_ends(database_url: str) -> None:
    signals = Signals(Database(database_url), shared=False)
    running = asyncio.create_task(run_relay(Idle(), "orders", signals))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    signals.emit("outbox:orders")
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(10):
            await running


async def test_a_process_whose_part_fails_finishes_its_requests_and_takes_no_new_ones(harness: Harness) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    class Failing(Signals):
        async def run(self) -> None:
            await asked.wait()
            message = "the bridge broke"
            raise RuntimeError(message)

    async def slow(_request: Request) -> Response:
        asked.set()
        await answered.wait()
        return Response("done")

    parts = harness.parts._replace(
        application=FastAPI(routes=[Route("/slow", slow)]),
        signals=Failing(harness.parts.databases["orders"], shared=True),
    )
    port, ready = free_port(), asyncio.Event()
    running = asyncio.create_task(run_process(parts, role="api", port=port, stopping=asyncio.Event(), ready=ready))
    await ready.wait()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        request = asyncio.create_task(client.get("/slow"))
        await asked.wait()
        async with asyncio.timeout(10):
            while await takes_connections(port):
                await asyncio.sleep(0)
        answered.set()
        assert (await request).text == "done"

    with pytest.raises(ExceptionGroup) as failure:
        await running
    assert failure.group_contains(RuntimeError, match="the bridge broke")


async def takes_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    writer.close()
    return True


async def test_an_answer_whose_transaction_was_torn_down_is_not_sent(harness: Harness) -> None:
    owner = await harness.client()
    store = {"brand_id": "", "name": "Tea", "channel": "own", "time_zone": "UTC", "currency": "CNY"}
    store["brand_id"] = (await owner.post("/v1/brands", json={"name": "Leaf"})).json()["brand_id"]
    open_sessions: list[AsyncGenerator[WriteSession]] = []
    begin = routing.transaction

    def watched(database: Database, scope: Scope) -> AbstractAsyncContextManager[WriteSession]:
        held = begin(database, scope)
        open_sessions.append(held.gen)
        return held

    async def close_generators(point: str) -> None:
        if point == "request.before_commit":
            await open_sessions[-1].aclose()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routing, "transaction", watched)
        patch.setattr(routing, "reach", close_generators)
        torn = await owner.post("/v1/stores", json=store)

    assert (torn.status_code, torn.json()["code"]) == (500, "internal_error")
    assert (await owner.get("/v1/stores")).json()["items"] == []
