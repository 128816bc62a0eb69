"""The load: buyers in a process of their own, told by a `Job` on standard input what to do, answering with a `Load`.

Knows what an order is here and for the raw endpoint, and nothing of how either is served.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple

import orjson
import uvloop

from storeops.app.bench.client import Answer, Connection, Unanswered, connect, post
from storeops.app.demo.chance import chance
from storeops.common.clock import monotonic

SKUS = 1000
CUSTOMERS = 100_000
PRICES = (2000, 3000, 2000)
"""Minor units, of the three thirds of the SKUs; with the quantities an order is worth 100.00, less 10.00."""
QUANTITIES = (1, 2, 1)
GIVE_UP = 20
"""Unexpected answers after which a run is pointless."""


class Job(NamedTuple):
    """What to do: for so many seconds, or until so many orders are placed."""

    kind: Literal["raw", "single", "batch"]
    port: int
    name: str
    """Names the run; keys and references are made of it."""
    concurrency: int = 1
    seconds: float = 3600.0
    orders: int = 10_000_000
    size: int = 1
    """Orders of one batch."""
    token: str = ""
    store_id: str = ""
    host: str = "127.0.0.1"


class Load(NamedTuple):
    """What happened; instants of the machine's monotonic clock."""

    orders: int
    began: float
    ended: float
    milliseconds: list[float]
    """From sending an order to its last answer, one for each order or batch."""
    unexpected: int
    example: str


class Unexpected(Exception):
    """An answer that the load did not want."""


class Buyers:
    """The state that the buyers of a run share."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.begun = 0
        self.placed = 0
        self.milliseconds: list[float] = []
        self.unexpected = 0
        self.example = ""
        self.random = chance(7, job.name)
        self.until = monotonic() + job.seconds

    def next_number(self) -> int | None:
        """The number of the next order or batch; None when there is to be none."""
        if monotonic() >= self.until or self.begun >= self.job.orders or self.unexpected >= GIVE_UP:
            return None
        self.begun += self.job.size
        return self.begun

    async def buy(self, connection: Connection) -> None:
        """Place orders, one after the other."""
        place = WAYS[self.job.kind]
        while (number := self.next_number()) is not None:
            began = monotonic()
            try:
                await place(self, connection, number)
            except (Unexpected, Unanswered) as error:
                self.unexpected += 1
                self.example = str(error)[:500]
                continue
            self.milliseconds.append((monotonic() - began) * 1000)
            self.placed += self.job.size

    def skus(self) -> tuple[int, int, int]:
        """One SKU of each third."""
        return self.random.randint(1, 333), self.random.randint(334, 666), self.random.randint(667, SKUS)


async def buy_raw(buyers: Buyers, connection: Connection, _number: int) -> None:
    """One order of the raw endpoint."""
    lines = [
        {"sku": sku, "qty": quantity, "price": f"{price // 100}.00"}
        for sku, quantity, price in zip(buyers.skus(), QUANTITIES, PRICES, strict=True)
    ]
    body = {"customer_id": buyers.random.randint(1, CUSTOMERS), "promo": "TEN", "lines": lines}
    require(await connection.ask(post("/orders", orjson.dumps(body), {})), 201)


async def buy_single(buyers: Buyers, connection: Connection, number: int) -> None:
    """One order that waits for its stock, and its payment."""
    key = f"{buyers.job.name}-{number}"
    headers = {"authorization": f"Bearer {buyers.job.token}", "idempotency-key": key}
    request = post("/v1/orders", orjson.dumps(order_body(buyers)), {**headers, "prefer": "wait=10"})
    order = orjson.loads(require(await connection.ask(request), 201))
    payment = {"amount": order["payable"], "currency": order["currency"], "provider": "bench", "provider_ref": key}
    path = f"/v1/orders/{order['order_id']}/payments"
    paid = orjson.loads(require(await connection.ask(post(path, orjson.dumps(payment), headers)), 201))
    if paid["state"] != "accepted" or order["payable"] != "90.00":
        raise Unexpected(f"{order['order_id']} costs {order['payable']}, and its payment is {paid['state']}")


async def buy_batch(buyers: Buyers, connection: Connection, number: int) -> None:
    """A batch of unpaid orders."""
    key = f"{buyers.job.name}-{number}"
    headers = {"authorization": f"Bearer {buyers.job.token}", "idempotency-key": key}
    body = {"items": [order_body(buyers) for _ in range(buyers.job.size)]}
    answer = orjson.loads(require(await connection.ask(post("/v1/orders:batch", orjson.dumps(body), headers)), 200))
    refused = [item for item in answer["items"] if item["status"] != 202]
    if refused:
        raise Unexpected(f"{len(refused)} of a batch were not placed: {refused[0]}")


Way = Callable[[Buyers, Connection, int], Awaitable[None]]
WAYS: dict[str, Way] = {"raw": buy_raw, "single": buy_single, "batch": buy_batch}


def order_body(buyers: Buyers) -> dict[str, object]:
    """An own site's order of three lines, by one of many customers."""
    customer = buyers.random.randint(1, CUSTOMERS)
    address = {"province": "浙江省", "city": "杭州市", "district": "西湖区", "street": f"龙井路 {customer} 号"}
    return {
        "kind": "own_site",
        "store_id": buyers.job.store_id,
        "customer": {"account": f"c-{customer}", "name": "林月", "phone": f"161{customer:08d}", "address": address},
        "lines": [
            {"sku": sku_code(sku), "quantity": quantity}
            for sku, quantity in zip(buyers.skus(), QUANTITIES, strict=True)
        ],
    }


def sku_code(number: int) -> str:
    """The merchant's code of a SKU of the bench."""
    return f"B-{number:04d}"


def require(answer: Answer, status: int) -> bytes:
    """The body of an answer of that status; raises `Unexpected`."""
    if answer.status != status:
        raise Unexpected(f"{answer.status}: {answer.body.decode(errors='replace')}")
    return answer.body


async def run(job: Job) -> Load:
    """Do a job."""
    connections = [await connect(job.host, job.port) for _ in range(job.concurrency)]
    buyers = Buyers(job)
    began = monotonic()
    await asyncio.gather(*(buyers.buy(connection) for connection in connections))
    ended = monotonic()
    for connection in connections:
        connection.close()
    return Load(buyers.placed, began, ended, buyers.milliseconds, buyers.unexpected, buyers.example)


def main(arguments: Sequence[bytes]) -> bytes:
    """Do the job that is described in JSON; answers the load in JSON."""
    [described] = arguments
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return orjson.dumps(runner.run(run(Job(**orjson.loads(described))))._asdict())


if __name__ == "__main__":
    sys.stdout.buffer.write(main([sys.stdin.buffer.read()]))
