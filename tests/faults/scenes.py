"""Scenes: where two must meet that rarely do, made to meet. Each answers what it found broken."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from random import Random

import asyncpg
from storeops.app.samples import sample_of
from storeops.common import consumer
from storeops.common.auth.permissions import Role
from storeops.common.bus.base import Message, OwnershipLost
from storeops.common.consumer import Decoded
from storeops.common.contracts.orders import OrderLine, OrderPlaced, OrderShipDueSoon, OrderShipLate
from storeops.common.db import transaction
from storeops.common.doctor import Finding, examine
from storeops.common.ids import new_id
from storeops.common.scope import worker_scope
from storeops.common.testing.harness import Harness
from storeops.common.testing.shop import said
from storeops.customer_service.events import events as ticket_events
from storeops.customer_service.tickets.commands.facts import record_order_facts
from storeops.inventory.stock.commands.allocation import allocate_orders
from storeops.inventory.stock.queries.levels import lock_levels
from storeops.inventory.stock.rules import LevelKey

from .checks import finding
from .history import History
from .load import Load
from .run import HOT_PIECES, open_market

Scene = Callable[[Harness, "asyncpg.Connection[asyncpg.Record]", Random], Awaitable[list[Finding]]]


def fact_of(
    kind: type[OrderShipDueSoon | OrderShipLate], order_id: str, store_id: str, now: datetime
) -> OrderShipDueSoon | OrderShipLate:
    """A deadline of an order that passed now."""
    return kind(
        occurred_at=now,
        order_id=order_id,
        store_id=store_id,
        paid_at=now,
        due_at=now,
        late_at=now,
        breach_at=now,
        reason="packing",
    )


async def two_facts_at_once(
    harness: Harness, _admin: "asyncpg.Connection[asyncpg.Record]", chance: Random
) -> list[Finding]:
    """Two facts about the same orders come in by two workers at the same instant."""
    market = await open_market(await harness.client(Role.OWNER))
    now = await harness.now()
    database = harness.parts.databases["customer_service"]
    orders = [new_id("ord") for _ in range(20)]
    store_id = chance.choice(market.stores)

    async def tell(kind: type[OrderShipDueSoon | OrderShipLate]) -> None:
        facts = [fact_of(kind, order_id, store_id, now) for order_id in orders]
        async with transaction(database, worker_scope("customer_service")) as session:
            await record_order_facts(session, facts)

    await asyncio.gather(tell(OrderShipDueSoon), tell(OrderShipLate))
    return await examine(database, "customer_service", harness.services["customer_service"].invariants)


async def two_batches_crosswise(
    harness: Harness, _admin: "asyncpg.Connection[asyncpg.Record]", _chance: Random
) -> list[Finding]:
    """Two workers have events of the same two orders, in batches that come to them in opposite order."""
    market = await open_market(await harness.client(Role.OWNER))
    now = await harness.now()
    database = harness.parts.databases["customer_service"]
    scope = worker_scope("customer_service")
    orders = [new_id("ord") for _ in range(2)]

    def told(kind: type[OrderShipDueSoon | OrderShipLate], order_id: str) -> Decoded:
        event = fact_of(kind, order_id, market.stores[0], now)
        return Decoded(Message("order", 0, 0, "", kind.type, order_id, 1, None, now, "{}", ""), event)

    async def handle(first: str, second: str) -> None:
        async with transaction(database, scope) as session:
            await consumer.call_handlers(
                session, ticket_events, [told(OrderShipDueSoon, first), told(OrderShipLate, second)]
            )

    for order_id in orders:
        await handle(order_id, order_id)
    outcomes = await asyncio.gather(handle(*orders), handle(*reversed(orders)), return_exceptions=True)
    ended = [repr(outcome) for outcome in outcomes if outcome is not None]
    return [finding("spine", "I15 no two transactions wait for each other", ended)]


async def two_owners(harness: Harness, admin: "asyncpg.Connection[asyncpg.Record]", _chance: Random) -> list[Finding]:
    """A member has messages in hand when its lease ends; another handles them; then the first goes on."""
    await open_market(await harness.client(Role.OWNER))
    database = harness.parts.databases["orders"]
    scope = worker_scope("orders")
    first = await harness.bus.subscribe("scene", ["store"])
    in_hand = await first.poll(1, 0.0)
    assert in_hand is not None
    await admin.execute(
        "WITH gone AS (UPDATE bus.member SET seen_at = now() - interval '1 hour' WHERE grp = 'scene') "
        "UPDATE bus.group_offset SET lease_until = now() - interval '1 hour' WHERE grp = 'scene'"
    )
    second = await harness.bus.subscribe("scene", ["store"])
    while batch := await second.poll(500, 0.0):
        async with transaction(database, scope) as session:
            await second.fence(session, batch)
        await second.settle(batch)
    wrong: list[str] = []
    with suppress(OwnershipLost):
        async with transaction(database, scope) as session:
            await first.fence(session, in_hand)
        wrong.append(f"{in_hand.topic}/{in_hand.partition} moved to {in_hand.end}")
    await first.close()
    await second.close()
    return [finding("spine", "I7 who has lost a partition commits nothing of it", wrong)]


async def two_deciders_at_once(
    harness: Harness, _admin: "asyncpg.Connection[asyncpg.Record]", chance: Random
) -> list[Finding]:
    """Two workers decide at the same instant whom the last pieces of a SKU go to; there are half enough for all."""
    market = await open_market(await harness.client(Role.OWNER))
    database = harness.parts.databases["inventory"]
    store_id = chance.choice(market.stores)

    async def decide() -> None:
        orders = [order_of(store_id, market.hot) for _ in range(HOT_PIECES)]
        async with transaction(database, worker_scope("inventory")) as session:
            await allocate_orders(session, orders)

    outcomes = await asyncio.gather(decide(), decide(), return_exceptions=True)
    ended = [repr(outcome) for outcome in outcomes if outcome is not None]
    found = await examine(database, "inventory", harness.services["inventory"].invariants)
    return [*found, finding("inventory", "I1 who comes too late is told so", ended)]


def order_of(store_id: str, sku: str) -> OrderPlaced:
    """An order for one piece."""
    line = OrderLine(line_no=1, sku=sku, quantity=1, gross=1990, discount=0, net=1990)
    sample = sample_of(OrderPlaced)
    assert isinstance(sample, OrderPlaced)
    return sample.model_copy(update={"order_id": new_id("ord"), "store_id": store_id, "lines": (line,)})


async def two_carts_at_once(
    harness: Harness, admin: "asyncpg.Connection[asyncpg.Record]", _chance: Random
) -> list[Finding]:
    """Two workers lock the levels of the same five hundred SKUs at the same instant, ten times."""
    database = harness.parts.databases["inventory"]
    warehouse_id = new_id("wh")
    keys = [LevelKey(warehouse_id, f"CART-{number:03}") for number in range(500)]
    # Levels and nothing else: neither the warehouse nor the SKUs need to be there.
    await admin.execute("SET session_replication_role = replica")
    await admin.executemany("INSERT INTO inventory.stock_level (warehouse_id, sku) VALUES ($1, $2)", keys)

    async def lock() -> None:
        async with transaction(database, worker_scope("inventory")) as session:
            await lock_levels(session, keys)

    outcomes = [one for _ in range(10) for one in await asyncio.gather(lock(), lock(), return_exceptions=True)]
    ended = [repr(outcome) for outcome in outcomes if outcome is not None]
    return [finding("spine", "I15 no two transactions wait for each other", ended)]


async def two_callers_in_turn(
    harness: Harness, _admin: "asyncpg.Connection[asyncpg.Record]", chance: Random
) -> list[Finding]:
    """Managers of two stores look at orders of both, in turn, over the same pool of connections."""
    owner = await harness.client(Role.OWNER)
    market = await open_market(owner)
    load = Load(owner, market, History("scene"), chance)
    await load.look_at_clock()
    orders: dict[str, str] = {}
    while len(set(orders.values())) < len(market.stores):
        body = load.channel_order()
        placed = await said(owner.post("/v1/orders", json=body, headers={"idempotency-key": new_id("key")}))
        orders[placed["order_id"]] = body["store_id"]
    clients = {store: await harness.client(Role.STORE_MANAGER, stores=[store]) for store in market.stores}
    wrong: list[str] = []
    for _ in range(40):
        store, (order_id, its_store) = chance.choice(market.stores), chance.choice(list(orders.items()))
        status = (await clients[store].get(f"/v1/orders/{order_id}")).status_code
        if status != (200 if store == its_store else 404):
            wrong.append(f"the manager of {store} was answered {status} for an order of {its_store}")
    return [finding("http", "I12 a caller sees the orders of their stores and no others", wrong)]
