"""`order.single` and `order.batch`: orders over HTTP, from being sent until the last event of theirs is handled."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from storeops.app.bench import raw
from storeops.app.bench.load import Job
from storeops.app.bench.report import Figure, figure, median, percentile
from storeops.app.bench.shop import shop
from storeops.app.bench.stand import BenchBroken, Shop, Stand, drained, pgbench, port_of, put_load, serving_raw
from storeops.app.bench.usage import cpu_seconds
from storeops.common.clock import monotonic
from storeops.common.testing.processes import Serving

CONCURRENCY = (1, 8, 32)
SIZES = (100, 500)
SENDERS = 2
"""Batches on their way at once."""
BARE_CLIENTS = 8
"""pgbench's best."""
COUNTED = 50
"""Orders whose statements are counted."""
IDLE = 2.0
"""Seconds in which the statements of an idle system are counted."""
LOGGED = re.compile(rb"^.{10,80} storeops_app@storeops LOG:  (?:statement|execute [^:]+): ", re.MULTILINE)


class Round(NamedTuple):
    """Orders of one run."""

    orders: int
    rate: float
    p50: float
    """Milliseconds, as all that follows."""
    p99: float
    cpu: float
    """Processor time for an order, PostgreSQL's included and the load's not."""
    cpu_postgres: float


async def single(stand: Stand) -> list[Figure]:
    """One order a request, waited for and paid, beside the raw endpoint under the same load."""
    figures: list[Figure] = []
    limits: dict[int, list[Figure]] = {}
    async with serving_raw(stand) as endpoint, shop(stand) as opened:
        await put_load(Job("raw", port_of(endpoint.url), "raw-warm", concurrency=32, seconds=1.0))
        for at_once in CONCURRENCY:
            ours, theirs = await rounds(stand, opened, endpoint, at_once)
            limits[at_once] = told(f"raw.endpoint.c{at_once}", theirs)
            figures += [*limits[at_once], *told(f"order.single.c{at_once}", ours, limits[at_once])]
        for at_once in CONCURRENCY[:2]:
            count = await statements(stand, opened, at_once)
            figures.append(figure(f"order.single.statements.c{at_once}", count, "statements/order", n=COUNTED))
    async with shop(stand, apart=True) as opened:
        for at_once in CONCURRENCY[1:]:
            ours = [await place(stand, opened, at_once) for _ in range(stand.size.rounds)]
            figures += told(f"order.single.apart.c{at_once}", ours, limits[at_once])
    return figures


async def rounds(stand: Stand, opened: Shop, endpoint: Serving, at_once: int) -> tuple[list[Round], list[Round]]:
    """Rounds of ours and of the raw endpoint in turn, so that both meet the same machine."""
    ours: list[Round] = []
    theirs: list[Round] = []
    for number in range(stand.size.rounds):
        job = Job("raw", port_of(endpoint.url), f"{at_once}-{number}", concurrency=at_once, seconds=stand.size.seconds)
        theirs.append(await measured(stand, [endpoint.process.pid], job, handled_already))
        ours.append(await place(stand, opened, at_once))
    return ours, theirs


async def place(stand: Stand, opened: Shop, at_once: int) -> Round:
    """A round of ours; raises `BenchBroken` unless every order is paid, allocated and with the warehouse at its end."""
    name = f"single-{at_once}-{int(monotonic() * 1000)}"
    job = opened.job(kind="single", name=name, concurrency=at_once, seconds=stand.size.seconds)
    placed = await measured(stand, opened.ids, job, drained)
    done = await stand.admin.fetchval(
        "SELECT count(*) FROM orders.payment JOIN orders.sales_order USING (order_id) "
        "JOIN inventory.order_allocation AS a USING (order_id) WHERE provider_ref LIKE $1 || '-%' "
        "AND paid_at IS NOT NULL AND released_at IS NOT NULL AND a.state = 'allocated'",
        name,
    )
    if done != placed.orders:
        raise BenchBroken(f"{name}: of {placed.orders} orders {done} are paid, allocated and with the warehouse")
    return placed


async def measured(
    stand: Stand, ids: Sequence[int], job: Job, finished: Callable[[Stand], Awaitable[float | None]]
) -> Round:
    """A load with all that it causes: `finished` answers the instant at which that was done."""
    used, used_postgres = cpu_seconds(ids), cpu_seconds([stand.server_id])
    load = await put_load(job)
    done = await finished(stand) or load.ended
    used_postgres = cpu_seconds([stand.server_id]) - used_postgres
    used = cpu_seconds(ids) - used + used_postgres
    return Round(
        load.orders,
        load.orders / (done - load.began),
        percentile(load.milliseconds, 0.5),
        percentile(load.milliseconds, 0.99),
        used * 1000 / load.orders,
        used_postgres * 1000 / load.orders,
    )


async def handled_already(_stand: Stand) -> None:
    """Nothing follows an answer."""


def told(name: str, runs: Sequence[Round], limits: Sequence[Figure] | None = None) -> list[Figure]:
    """The medians of some rounds; rate and processor time beside those of `limits`, told by this function too."""
    n = sum(each.orders for each in runs)
    rate, cpu = (limits[0], limits[3]) if limits else (None, None)
    return [
        figure(name, median(each.rate for each in runs), "orders/s", n=n, against=rate),
        figure(f"{name}.p50", median(each.p50 for each in runs), "ms", n=n),
        figure(f"{name}.p99", median(each.p99 for each in runs), "ms", n=n),
        figure(f"{name}.cpu", median(each.cpu for each in runs), "ms/order", n=n, against=cpu),
        figure(f"{name}.cpu.postgres", median(each.cpu_postgres for each in runs), "ms/order", n=n),
    ]


async def statements(stand: Stand, opened: Shop, at_once: int) -> float:
    """Messages to PostgreSQL for an order until its last event is handled, by its own log.

    What the system asks when nothing happens is counted too, and taken off for as long as the orders took.
    """
    log = stand.server.folder / "postgres.log"
    await log_statements(stand, "all")
    try:
        offset = log.stat().st_size
        await asyncio.sleep(IDLE)
        idle = logged(log, offset) / IDLE
        offset = log.stat().st_size
        name = f"counted-{at_once}-{offset}"
        load = await put_load(opened.job(kind="single", name=name, concurrency=at_once, orders=COUNTED))
        done = await drained(stand)
        return (logged(log, offset) - idle * (done - load.began)) / load.orders
    finally:
        await log_statements(stand, "none")


async def log_statements(stand: Stand, which: str) -> None:
    """Have PostgreSQL log what is asked of it."""
    await stand.admin.execute(f"ALTER SYSTEM SET log_statement = '{which}'")
    await stand.admin.execute("SELECT pg_reload_conf()")
    while await stand.admin.fetchval("SHOW log_statement") != which:
        await asyncio.sleep(0.01)


def logged(log: Path, offset: int) -> int:
    """How many statements of the application a log holds behind an offset."""
    with log.open("rb") as file:
        file.seek(offset)
        return len(LOGGED.findall(file.read()))


async def batch(stand: Stand) -> list[Figure]:
    """Unpaid orders in batches, allocated and all events handled, beside the bare SQL of such an order."""
    bare = [
        await pgbench(stand, raw.BARE, clients=BARE_CLIENTS, seconds=stand.size.seconds)
        for _ in range(stand.size.rounds)
    ]
    against = figure("bare.sql", median(rate for rate, _ in bare), "orders/s", n=sum(count for _, count in bare))
    figures = [against]
    async with shop(stand) as opened:
        for size in SIZES:
            runs = [await place_batches(stand, opened, size) for _ in range(stand.size.rounds)]
            rate, n = median(each.rate for each in runs), sum(each.orders for each in runs)
            figures.append(figure(f"order.batch.{size}", rate, "orders/s", n=n, against=against))
            figures.append(figure(f"order.batch.{size}.cpu", median(each.cpu for each in runs), "ms/order", n=n))
    return figures


async def place_batches(stand: Stand, opened: Shop, size: int) -> Round:
    """A run of batches; raises `BenchBroken` unless every order was allocated."""
    before = await allocated(stand)
    name = f"batch-{size}-{int(monotonic() * 1000)}"
    job = opened.job(kind="batch", name=name, concurrency=SENDERS, orders=stand.size.orders, size=size)
    placed = await measured(stand, opened.ids, job, drained)
    got = await allocated(stand) - before
    if got != placed.orders:
        raise BenchBroken(f"{name}: of {placed.orders} orders {got} were allocated")
    return placed


async def allocated(stand: Stand) -> int:
    """Orders whose stock is promised."""
    return await stand.admin.fetchval("SELECT count(*) FROM inventory.order_allocation WHERE state = 'allocated'")
