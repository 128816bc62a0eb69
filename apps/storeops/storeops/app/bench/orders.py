"""`order.single` and `order.batch`: orders over HTTP, from being sent until the last event of theirs is handled."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from storeops.app.bench import raw
from storeops.app.bench.load import Job, Load
from storeops.app.bench.report import Figure, figure, median, percentile
from storeops.app.bench.shop import shop
from storeops.app.bench.stand import BenchBroken, Shop, Stand, drained, pgbench, put_load, serving_raw
from storeops.common.clock import monotonic

CONCURRENCY = (1, 8, 32)
SIZES = (100, 500)
SENDERS = 2
"""Batches on their way at once."""
BARE_CLIENTS = 8
"""pgbench's best."""
COUNTED = 50
"""Orders whose statements are counted."""
LOGGED = re.compile(rb"^.{10,80} storeops_app@storeops LOG:  (?:statement|execute [^:]+): (\w+)", re.MULTILINE)


class Round(NamedTuple):
    """Orders of one run."""

    orders: int
    rate: float
    p50: float
    """Milliseconds, as `p99`."""
    p99: float


async def single(stand: Stand) -> list[Figure]:
    """One order a request, waited for and paid, beside the raw endpoint under the same load."""
    figures: list[Figure] = []
    async with serving_raw(stand) as port, shop(stand) as opened:
        await put_load(Job("raw", port, "raw-warm", concurrency=32, seconds=1.0))
        raws: dict[int, Figure] = {}
        for at_once in CONCURRENCY:
            ours, theirs = await rounds(stand, opened, port, at_once)
            raws[at_once] = told(f"raw.endpoint.c{at_once}", theirs)[0]
            figures += [raws[at_once], *told(f"order.single.c{at_once}", ours, against=raws[at_once])]
        for at_once in CONCURRENCY[:2]:
            per_order = await statements(stand, opened, at_once)
            name = f"order.single.statements.c{at_once}"
            figures.append(figure(name, per_order, "statements/order", n=COUNTED))
    async with shop(stand, apart=True) as opened:
        for at_once in CONCURRENCY[1:]:
            ours = [await place(stand, opened, at_once, f"apart-{number}") for number in range(stand.size.rounds)]
            figures += told(f"order.single.apart.c{at_once}", ours, against=raws[at_once])
    return figures


async def rounds(stand: Stand, opened: Shop, port: int, at_once: int) -> tuple[list[Round], list[Round]]:
    """Rounds of ours and of the raw endpoint in turn, so that both meet the same machine."""
    ours: list[Round] = []
    theirs: list[Round] = []
    for number in range(stand.size.rounds):
        job = Job("raw", port, f"raw-{at_once}-{number}", concurrency=at_once, seconds=stand.size.seconds)
        load = await put_load(job)
        theirs.append(round_of(load, load.ended))
        ours.append(await place(stand, opened, at_once, f"one-{number}"))
    return ours, theirs


async def place(stand: Stand, opened: Shop, at_once: int, name: str) -> Round:
    """A round of ours; ends when the last event is handled."""
    name = f"{name}-{at_once}-{int(monotonic() * 1000)}"
    load = await put_load(opened.job(kind="single", name=name, concurrency=at_once, seconds=stand.size.seconds))
    done = await drained(stand)
    paid = await stand.admin.fetchval(
        "SELECT count(*) FROM orders.payment JOIN orders.sales_order USING (order_id) "
        "JOIN inventory.order_allocation AS a USING (order_id) WHERE provider_ref LIKE $1 || '-%' "
        "AND paid_at IS NOT NULL AND released_at IS NOT NULL AND a.state = 'allocated'",
        name,
    )
    if paid != load.orders:
        raise BenchBroken(f"{name}: of {load.orders} orders {paid} are paid, allocated and with the warehouse")
    return round_of(load, done)


def round_of(load: Load, done: float) -> Round:
    """What a load comes to when all that it caused was done at `done`."""
    latencies = load.milliseconds
    return Round(load.orders, load.orders / (done - load.began), percentile(latencies, 0.5), percentile(latencies, 0.99))


def told(name: str, measured: Sequence[Round], *, against: Figure | None = None) -> list[Figure]:
    """The medians of some rounds: rate, p50 and p99."""
    n = sum(each.orders for each in measured)
    return [
        figure(name, median(each.rate for each in measured), "orders/s", n=n, against=against),
        figure(f"{name}.p50", median(each.p50 for each in measured), "ms", n=n),
        figure(f"{name}.p99", median(each.p99 for each in measured), "ms", n=n),
    ]


async def statements(stand: Stand, opened: Shop, at_once: int) -> float:
    """Messages to PostgreSQL for an order until its last event is handled, polling included: its own log's count."""
    log = stand.server.folder / "postgres.log"
    await log_statements(stand, "all")
    try:
        offset = log.stat().st_size
        job = opened.job(kind="single", name=f"log-{at_once}-{offset}", concurrency=at_once, orders=COUNTED)
        load = await put_load(job)
        await drained(stand)
        kinds = kinds_in(log, offset)
    finally:
        await log_statements(stand, "none")
    return kinds.total() / load.orders


async def log_statements(stand: Stand, which: str) -> None:
    """Have PostgreSQL log what is asked of it."""
    await stand.admin.execute(f"ALTER SYSTEM SET log_statement = '{which}'")
    await stand.admin.execute("SELECT pg_reload_conf()")
    while await stand.admin.fetchval("SHOW log_statement") != which:
        pass


def kinds_in(log: Path, offset: int) -> Counter[str]:
    """How many statements of the application a log holds behind an offset, by their first word."""
    with log.open("rb") as file:
        file.seek(offset)
        return Counter(word.decode() for word in LOGGED.findall(file.read()))


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
            rates = [await place_batches(stand, opened, size) for _ in range(stand.size.rounds)]
            n = stand.size.orders * len(rates)
            figures.append(figure(f"order.batch.{size}", median(rates), "orders/s", n=n, against=against))
    return figures


async def place_batches(stand: Stand, opened: Shop, size: int) -> float:
    """Orders a second of a run, until the last event is handled."""
    before = await allocated(stand)
    name = f"batch-{size}-{int(monotonic() * 1000)}"
    job = opened.job(kind="batch", name=name, concurrency=SENDERS, orders=stand.size.orders, size=size)
    load = await put_load(job)
    done = await drained(stand)
    got = await allocated(stand) - before
    if got != load.orders:
        raise BenchBroken(f"{name}: of {load.orders} orders {got} were allocated")
    return load.orders / (done - load.began)


async def allocated(stand: Stand) -> int:
    """Orders whose stock is promised."""
    return await stand.admin.fetchval("SELECT count(*) FROM inventory.order_allocation WHERE state = 'allocated'")
