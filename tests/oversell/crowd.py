"""A crowd that orders at once: every buyer waits for the decision on a connection of its own, under one key.

A buyer who hears nothing, or that it is not decided yet, asks again at another process; sees nothing but answers.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
from storeops.common.testing.shop import ADDRESS

from ..faults.history import History, Operation  # noqa: TID252 - tests have no package to name
from ..faults.load import IN_PROGRESS, code_of  # noqa: TID252 - tests have no package to name

GROUP = 50
"""Buyers who share a client: looking for a free connection costs their square."""
LONGEST = 30
"""Seconds that a buyer asks to be kept waiting for the decision."""
TIMEOUT = 90.0
"""Seconds that a request may take on a machine that has other things to do."""


class Crowd:
    """Buyers in front of several addresses; `history` is what they were answered."""

    def __init__(self, clients: Sequence[tuple[str, httpx2.AsyncClient]], history: History) -> None:
        self._clients = clients
        self.history = history
        self.answered = 0
        self.waiting = dict.fromkeys((url for url, _ in clients), 0)
        """Requests without an answer, by address."""
        self._moments: list[tuple[int, Callable[[], None]]] = []

    def after(self, answers: int, act: Callable[[], None]) -> None:
        """Do something once so many have their answer."""
        self._moments.append((answers, act))

    async def order(self, bodies: Sequence[dict[str, Any]]) -> list[Operation]:
        """Send every order at once; answers when the last buyer has an answer."""
        async with asyncio.TaskGroup() as group:
            buyers = [group.create_task(self._buy(number, body)) for number, body in enumerate(bodies)]
        return [buyer.result() for buyer in buyers]

    async def _buy(self, number: int, body: dict[str, Any]) -> Operation:
        operation = self.history.begin("place", "", body, at=0.0)
        operation.body = {**body, "labels": [operation.id]}
        while operation.outcome == "unknown":
            url, client = self._clients[(number + operation.tries) % len(self._clients)]
            operation.tries += 1
            self.waiting[url] += 1
            try:
                self._hear(operation, await self._send(client, operation))
            except httpx2.TransportError as error:
                operation.troubles.append(repr(error))
            finally:
                self.waiting[url] -= 1
        self.answered += 1
        for moment in [one for one in self._moments if one[0] <= self.answered]:
            self._moments.remove(moment)
            moment[1]()
        return operation

    def _send(self, client: httpx2.AsyncClient, operation: Operation) -> Awaitable[httpx2.Response]:
        headers = {"idempotency-key": operation.id, "prefer": f"wait={LONGEST}"}
        return client.post("/v1/orders", json=operation.body, headers=headers)

    def _hear(self, operation: Operation, response: httpx2.Response) -> None:
        if response.status_code >= 500:
            self.history.faulty.append(f"{operation.id}: {response.status_code} {response.text[:200]}")
        if code_of(response) == IN_PROGRESS:
            operation.troubles.append(IN_PROGRESS)
            return
        if response.status_code == 202:
            return
        operation.status, operation.answer = response.status_code, response.json()
        operation.ended = 0.0
        operation.outcome = "ok" if response.is_success else "fail"


@asynccontextmanager
async def gathered(urls: Sequence[str], *, authorization: str, buyers: int, stem: str) -> AsyncGenerator[Crowd]:
    """A crowd of so many, spread evenly over the addresses."""
    limits = httpx2.Limits(max_connections=GROUP, max_keepalive_connections=GROUP)
    async with AsyncExitStack() as stack:
        clients: list[tuple[str, httpx2.AsyncClient]] = []
        groups = -(-buyers // (GROUP * len(urls))) * len(urls)
        for number in range(groups):
            url = urls[number % len(urls)]
            client = httpx2.AsyncClient(
                base_url=url, headers={"authorization": authorization}, limits=limits, timeout=TIMEOUT
            )
            clients.append((url, await stack.enter_async_context(client)))
        yield Crowd(clients, History(stem))


def order_of(store_id: str, pieces: Mapping[str, int]) -> dict[str, Any]:
    """An own site's order, its lines in the order given."""
    customer = {"name": "Test Buyer", "phone": "13800000000", "address": ADDRESS}
    wanted = [{"sku": sku, "quantity": quantity} for sku, quantity in pieces.items()]
    return {"kind": "own_site", "store_id": store_id, "customer": customer, "lines": wanted}
