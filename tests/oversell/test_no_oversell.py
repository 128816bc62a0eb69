"""No oversell (STK-2): a thousand orders at once, over HTTP, for the pieces of a hundred.

Three processes serve them, two decide them, and some may be killed in the middle. Each round has a store of its own.
`-m ""` runs all twenty; `STOREOPS_SEED` sets the chances, and is printed.
"""

import asyncio
import json
import os
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random
from signal import SIGKILL
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from storeops.common.doctor import Finding
from storeops.common.ids import new_id
from storeops.common.testing.shop import SandboxTime, Shop, open_shop

from ..faults.checks import Subject, check, watch_positions  # noqa: TID252 - tests have no package to name
from ..faults.ground import Ground, admin_of, opened  # noqa: TID252 - tests have no package to name
from ..faults.history import Operation  # noqa: TID252 - tests have no package to name
from ..faults.run import signed_in  # noqa: TID252 - tests have no package to name
from .crowd import Crowd, gathered, order_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("oversell"), pytest.mark.timeout(600)]

SEED = int(os.environ.get("STOREOPS_SEED") or secrets.randbelow(10**6))
ROUNDS = [pytest.param(number, marks=[pytest.mark.slow] if number else []) for number in range(20)]
BUYERS, SERVED = 1_000, 100
CARTS, SKUS = 500, 20
ANSWERS = {(201, "payable"), (409, "stock_short"), (409, "listing_off_shelf")}
ALL_STAND_READY = """
SELECT (placed >= $2 / 2 AND waiting >= 2) OR placed >= $2 * 3 / 4
FROM (SELECT count(*) AS placed FROM orders.sales_order WHERE store_id = $1), (SELECT count(*) AS waiting
    FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"""
"""Half of `$2` orders are placed and two deciders wait for the goods; or three quarters are placed."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """The processes of all rounds."""
    async with opened("split", tmp_path_factory.mktemp("oversell"), apis=3, workers=2) as ground:
        admin = await admin_of(ground)
        await watch_positions(admin)
        yield ground
        await admin.close()


class Level(NamedTuple):
    """Pieces of a SKU."""

    on_hand: int
    available: int
    allocated: int


class Round(NamedTuple):
    """A new store with scarce goods, a crowd in front of it, and chances of its own."""

    ground: Ground
    shop: Shop
    crowd: Crowd
    chance: Random
    began: datetime

    def kill_later(self, *names: str) -> None:
        """SIGKILL to a process of each name once a part of the crowd has its answer; its keeper starts it again."""
        for name in names:
            self.crowd.after(self.chance.randint(BUYERS // 20, BUYERS // 2), lambda name=name: self._kill(name))

    def _kill(self, name: str) -> None:
        """Of the serving processes the one with most to lose."""
        units = [unit for unit in self.ground.units if unit.name.startswith(name)]
        unit = max(units, key=lambda unit: (self.crowd.waiting.get(unit.url, 0), self.chance.random()))
        assert unit.process is not None
        unit.process.send(SIGKILL)

    async def rush(self, bodies: Sequence[dict[str, Any]]) -> list[Operation]:
        """Send all orders at once; answers when the last has its answer.

        The goods are kept locked until many orders are placed and two deciders stand before them: then these start
        together, each with a long list, and one that does not lock what it read gives it out twice.
        """
        admin, watch = await admin_of(self.ground), await admin_of(self.ground)
        async with asyncio.TaskGroup() as group, admin.transaction():
            await admin.fetch(
                "SELECT FROM inventory.stock_level WHERE warehouse_id = $1 FOR UPDATE", self.shop.warehouse_id
            )
            ordering = group.create_task(self.crowd.order(bodies))
            while not (await watch.fetchval(ALL_STAND_READY, self.shop.store_id, len(bodies)) or ordering.done()):
                await asyncio.sleep(0.05)
        await admin.close()
        await watch.close()
        return ordering.result()

    async def broken(self) -> list[Finding]:
        """What does not hold, once all is at rest, of all that the doctor and the crowd know."""
        await self.ground.until_ready()
        await self.ground.settle()
        admin = await admin_of(self.ground)
        async with self.ground.database() as database:
            databases = dict.fromkeys(self.ground.services, database)
            subject = Subject(self.ground.services, databases, admin, self.crowd.history, began=self.began)
            findings = await check(subject)
        await admin.close()
        return [one for one in findings if one.broken]

    async def levels(self) -> dict[str, Level]:
        """What the warehouse holds, by SKU."""
        page = await self.shop.get("/v1/stock", warehouse_id=self.shop.warehouse_id, limit=200)
        return {one["sku"]: Level(one["on_hand"], one["available"], one["allocated"]) for one in page["items"]}

    async def promised(self) -> dict[str, dict[str, int]]:
        """What the ledger holds for each order, by SKU."""
        admin = await admin_of(self.ground)
        rows = await admin.fetch(
            "SELECT ref, jsonb_object_agg(sku, pieces)::text FROM (SELECT ref, sku, sum(allocated_delta) AS pieces "
            "FROM inventory.movement WHERE store_id = $1 GROUP BY ref, sku) AS held GROUP BY ref",
            self.shop.store_id,
        )
        await admin.close()
        return {ref: json.loads(pieces) for ref, pieces in rows}


@asynccontextmanager
async def opened_round(ground: Ground, name: str, goods: Mapping[str, int], *, buyers: int) -> AsyncGenerator[Round]:
    """A store that sells these goods, and its crowd."""
    print(f"STOREOPS_SEED={SEED}")  # noqa: T201 - shown when the test fails
    await ground.until_ready()
    async with signed_in(ground) as owner:
        time = SandboxTime(owner)
        began = await time.now()
        shop = await open_shop(owner, time)
        await shop.receive(goods)
        for sku in goods:
            await shop.post("/v1/listings", {"store_id": shop.store_id, "sku": sku, "title": sku, "price": "19.90"})
        await shop.advance()
        urls = [unit.url for unit in ground.units if unit.serves_api]
        authorization = owner.headers["authorization"]
        stem = new_id("r").replace("_", "-")
        async with gathered(urls, authorization=authorization, buyers=buyers, stem=stem) as crowd:
            yield Round(ground, shop, crowd, Random(f"{SEED} {name}"), began)


def answers(operations: Sequence[Operation]) -> Counter[tuple[int, str]]:
    """How many were answered what."""
    return Counter((one.status, one.answer.get("code") or one.answer["phase"]) for one in operations)


@pytest.mark.parametrize(
    "killed",
    [pytest.param(("api", "worker"), id="killed"), pytest.param((), id="calm", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("number", ROUNDS)
async def test_a_hundred_pairs_go_to_a_hundred_of_a_thousand(
    ground: Ground, number: int, killed: tuple[str, ...]
) -> None:
    """The piece that is left over keeps the listing on the shelf (LST-3), so that all thousand reach the stock."""
    sku, deaths = new_id("HOT"), ground.deaths
    async with opened_round(ground, f"{number} {killed}", {sku: 2 * SERVED + 1}, buyers=BUYERS) as this:
        this.kill_later(*killed)
        operations = await this.rush([order_of(this.shop.store_id, {sku: 2}) for _ in range(BUYERS)])
        assert await this.broken() == []
        assert await this.levels() == {sku: Level(2 * SERVED + 1, 1, 2 * SERVED)}
        promised = await this.promised()
    assert answers(operations) == {(201, "payable"): SERVED, (409, "stock_short"): BUYERS - SERVED}
    assert len({one.answer["order_id"] for one in operations}) == BUYERS
    assert promised == {one.answer["order_id"]: {sku: 2} for one in operations if one.outcome == "ok"}
    troubles = [one.troubles for one in operations if one.troubles]
    assert bool(troubles) == ("api" in killed), troubles
    assert ground.deaths - deaths == len(killed)


@pytest.mark.parametrize("number", ROUNDS)
async def test_the_last_piece_is_sold_once(ground: Ground, number: int) -> None:
    """Who comes after the listing has left the shelf is refused there."""
    sku = new_id("LAST")
    async with opened_round(ground, f"{number} last", {sku: SERVED}, buyers=BUYERS) as this:
        operations = await this.rush([order_of(this.shop.store_id, {sku: 1}) for _ in range(BUYERS)])
        assert await this.broken() == []
        assert await this.levels() == {sku: Level(SERVED, 0, SERVED)}
        promised = await this.promised()
    assert answers(operations)[201, "payable"] == SERVED
    assert answers(operations).keys() <= ANSWERS
    assert [one.troubles for one in operations if one.troubles] == []
    assert promised == {one.answer["order_id"]: {sku: 1} for one in operations if one.outcome == "ok"}


@pytest.mark.parametrize("number", ROUNDS)
async def test_carts_of_scarce_goods_are_served_whole_or_not_at_all(ground: Ground, number: int) -> None:
    chance = Random(f"{SEED} carts {number}")
    goods = {new_id("MIX"): chance.randint(20, 60) for _ in range(SKUS)}
    carts = [
        {sku: chance.randint(1, 3) for sku in chance.sample(list(goods), chance.randint(1, 5))} for _ in range(CARTS)
    ]
    async with opened_round(ground, f"mixed {number}", goods, buyers=CARTS) as this:
        operations = await this.rush([order_of(this.shop.store_id, cart) for cart in carts])
        assert await this.broken() == []
        promised, levels = await this.promised(), await this.levels()
    assert answers(operations).keys() <= ANSWERS
    assert [one.troubles for one in operations if one.troubles] == []
    asked = list(zip(operations, carts, strict=True))
    assert promised == {one.answer["order_id"]: cart for one, cart in asked if one.outcome == "ok"}
    given = sum((Counter(cart) for cart in promised.values()), Counter[str]())
    assert levels == {sku: Level(pieces, pieces - given[sku], given[sku]) for sku, pieces in goods.items()}
    # Nothing comes back in a round: what is left at its end was there for everyone who was refused.
    for one, cart in asked:
        servable = all(levels[sku].available >= quantity for sku, quantity in cart.items())
        assert one.outcome == "ok" or not servable, (cart, one.answer)
