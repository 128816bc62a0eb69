"""`allocate.hot` and `allocate.cold`: promising stock, through events and by the bare command, beside one-row updates.

Calls inventory's command as its handler does; places no orders: their events are put into the outbox of orders.
"""

from collections.abc import Sequence
from random import Random

from storeops.app.bench import raw
from storeops.app.bench.load import QUANTITIES, SKUS, sku_code
from storeops.app.bench.report import Figure, figure, median
from storeops.app.bench.shop import CURRENCY, HOT, shop
from storeops.app.bench.stand import BenchBroken, Stand, drained, pgbench
from storeops.app.demo.chance import chance
from storeops.common.clock import machine_now, monotonic
from storeops.common.contracts.orders import OrderLine, OrderPlaced
from storeops.common.db import Database, transaction
from storeops.common.ids import new_id
from storeops.common.outbox import publish
from storeops.common.scope import worker_scope
from storeops.inventory.stock.commands.allocation import allocate_orders

CLIENTS = (1, 8, 32)
LIST = 500
"""Orders of one call of the bare command."""

# The database's own stamps: no look from outside stands between the first order on the bus and the last answer.
SPAN = """
SELECT extract(epoch FROM max(written_at) FILTER (WHERE type = 'stock.allocated.v1')
    - min(written_at) FILTER (WHERE type = 'order.placed.v1'))::float AS seconds,
    count(*) FILTER (WHERE type = 'stock.allocated.v1') AS allocated
FROM bus.message WHERE key = ANY ($1::text[])
"""


async def allocation(stand: Stand) -> list[Figure]:
    """Everything about promising stock."""
    async with shop(stand) as opened:
        store_id = opened.store_id
    rows, limit, cold_limit = await one_row_updates(stand)
    figures = list(rows)
    database = Database(str(stand.settings.database_url))
    try:
        for name, hot, against in (("hot", True, limit), ("cold", False, cold_limit)):
            rates = [await by_command(stand, database, store_id, hot=hot) for _ in range(stand.size.rounds)]
            n = stand.size.orders * len(rates)
            figures.append(figure(f"allocate.{name}.command", median(rates), "orders/s", n=n, against=against))
        async with shop(stand):
            for name, hot, against in (("hot", True, limit), ("cold", False, cold_limit)):
                rates = [await by_events(stand, database, store_id, hot=hot) for _ in range(stand.size.rounds)]
                n = stand.size.orders * len(rates)
                figures.append(figure(f"allocate.{name}", median(rates), "orders/s", n=n, against=against))
    finally:
        await database.close()
    return figures


async def one_row_updates(stand: Stand) -> tuple[Sequence[Figure], Figure, Figure]:
    """One-row conditional updates: all figures, and the limits: many takers of one row, three rows an order at best."""
    figures: list[Figure] = []
    for name, script in (("hot.row", raw.HOT), ("cold.rows", raw.COLD)):
        for clients in CLIENTS:
            runs = [
                await pgbench(stand, script, clients=clients, seconds=stand.size.seconds)
                for _ in range(stand.size.rounds)
            ]
            n = sum(count for _, count in runs)
            figures.append(figure(f"{name}.c{clients}", median(rate for rate, _ in runs), "orders/s", n=n))
    hot, cold = figures[: len(CLIENTS)], figures[len(CLIENTS) :]
    return figures, hot[-1], max(cold, key=lambda each: each.value)


async def by_command(stand: Stand, database: Database, store_id: str, *, hot: bool) -> float:
    """Orders a second of the command alone, a transaction a list, its events written to the outbox."""
    random = chance(11, hot)
    lists = [[order_placed(store_id, random, hot=hot) for _ in range(LIST)] for _ in range(stand.size.orders // LIST)]
    began = monotonic()
    for orders in lists:
        async with transaction(database, worker_scope("inventory", "bench")) as session:
            await allocate_orders(session, orders)
    return stand.size.orders / (monotonic() - began)


async def by_events(stand: Stand, database: Database, store_id: str, *, hot: bool) -> float:
    """Orders a second from their first event on the bus to the last answer on the bus, everything else running."""
    await drained(stand)
    random = chance(13, hot)
    orders = [order_placed(store_id, random, hot=hot) for _ in range(stand.size.orders)]
    async with transaction(database, worker_scope("orders", "bench")) as session:
        for order in orders:
            publish(session, order, sequence=1)
    await drained(stand)
    row = await stand.admin.fetchrow(SPAN, [order.order_id for order in orders])
    assert row is not None
    if row["allocated"] != len(orders):
        raise BenchBroken(f"of {len(orders)} orders {row['allocated']} were allocated")
    return len(orders) / row["seconds"]


def order_placed(store_id: str, random: Random, *, hot: bool) -> OrderPlaced:
    """An order for one piece of the SKU that everybody wants, or for three lines of many SKUs."""
    wanted = [(HOT, 1)]
    if not hot:
        skus = [sku_code(number) for number in random.sample(range(1, SKUS + 1), len(QUANTITIES))]
        wanted = list(zip(skus, QUANTITIES, strict=True))
    lines = tuple(
        OrderLine(line_no=number, sku=sku, quantity=quantity, gross=2000, discount=0, net=2000)
        for number, (sku, quantity) in enumerate(wanted, 1)
    )
    total = 2000 * len(lines)
    return OrderPlaced(
        occurred_at=machine_now(),
        order_id=new_id("ord"),
        store_id=store_id,
        customer_id=new_id("cus"),
        channel="own",
        placed_at=machine_now(),
        currency=CURRENCY,
        lines=lines,
        gross=total,
        discount=0,
        net=total,
        payable=total,
    )
