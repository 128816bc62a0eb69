"""One run: an installation, a load, faults by seed, healing, quiet, and every check."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import asyncpg
import httpx2
from storeops.common.clock import monotonic
from storeops.common.doctor import Finding
from storeops.common.testing.shop import SandboxTime, open_shop, said

from .checks import Subject, check, finding, watch_positions
from .ground import OWNER_PASSWORD, PATIENCE, Ground, Variant, opened
from .history import History, percentile
from .injectors import Scene, crash_at_points, faults_of
from .load import Load, Market
from .quiet import NotQuiet, play_on

HOT, SKUS = "HOT", [f"SKU-{n}" for n in range(8)]
HOT_PIECES, SCARCE_PIECES, PLENTY = 60, 40, 5_000


@dataclass
class Report:
    """What a run came to."""

    variant: str
    seed: int
    faults: list[str] = field(default_factory=list[str])
    findings: list[Finding] = field(default_factory=list[Finding])
    history: History = field(default_factory=lambda: History("none"))
    orders: int = 0
    deaths: int = 0
    points: Counter[str] = field(default_factory=Counter[str])
    """Deaths by named point, where they are known."""
    seconds: float = 0.0

    @property
    def broken(self) -> list[Finding]:
        """What does not hold."""
        return [one for one in self.findings if one.broken]

    @property
    def latencies(self) -> tuple[float, float, float]:
        """p50, p99 and longest time of an answered request, tries included, in seconds."""
        taken = [one.seconds for one in self.history.operations if one.ended is not None]
        return percentile(taken, 0.5), percentile(taken, 0.99), max(taken, default=0.0)

    def line(self) -> str:
        """The run in one line."""
        history = self.history
        middle, high, longest = self.latencies
        return (
            f"{self.variant} seed {self.seed}: {self.orders} orders, {history.count('ok')} ok, "
            f"{history.count('fail')} refused, {history.count('unknown')} unknown, {self.deaths} deaths, "
            f"p50 {middle:.3f} p99 {high:.2f} max {longest:.1f} s, {self.seconds:.0f} s; "
            f"{', '.join(self.faults) or 'no fault'}; "
            + ("; ".join(f"{one.id} {one.sentence}: {one.broken} {one.examples}" for one in self.broken) or "sound")
        )


@asynccontextmanager
async def standing(
    variant: Variant, folder: Path, *, apis: int = 2, workers: int = 2
) -> AsyncGenerator[tuple[Ground, httpx2.AsyncClient]]:
    """An open installation with the owner's client, for one run or several."""
    async with opened(variant, folder, apis=apis, workers=workers) as ground, signed_in(ground) as client:
        ground.began = await SandboxTime(client).now()
        admin = await asyncpg.connect(ground.admin_url)
        await watch_positions(admin)
        await admin.close()
        yield ground, client


@asynccontextmanager
async def signed_in(ground: Ground) -> AsyncGenerator[httpx2.AsyncClient]:
    """The owner's client."""
    async with ground.client() as client:
        await sign_in(client)
        yield client


async def sign_in(client: httpx2.AsyncClient) -> None:
    """Give the client a token, which lasts ten minutes."""
    credentials = {"grant_type": "password", "login": "admin", "password": OWNER_PASSWORD}
    token = (await said(client.post("/v1/tokens", json=credentials)))["access_token"]
    client.headers["authorization"] = f"Bearer {token}"


async def open_market(client: httpx2.AsyncClient, *, pieces: int = PLENTY, hot: int = HOT_PIECES) -> Market:
    """Two stores with a warehouse each: `hot` pieces of one SKU, few of another, `pieces` of each of the others."""
    time = SandboxTime(client)
    shops = [await open_shop(client, time) for _ in range(2)]
    goods = {HOT: hot, SKUS[0]: SCARCE_PIECES} | dict.fromkeys(SKUS[1:], pieces)
    for shop in shops:
        await shop.receive(goods)
        for sku in goods:
            await shop.post("/v1/listings", {"store_id": shop.store_id, "sku": sku, "title": sku, "price": "19.90"})
    await shops[0].advance()
    return Market([shop.store_id for shop in shops], HOT, SKUS)


async def fault_run(
    ground: Ground, client: httpx2.AsyncClient, seed: int, *, seconds: float = 12.0, names: Sequence[str] | None = None
) -> Report:
    """A whole run on an open installation: `names` are the faults in their order, by seed unless given."""
    chance = Random(seed)
    known = faults_of(ground)
    faults = list(names if names is not None else chance.sample(sorted(known), k=chance.randint(3, 5)))

    async def hurt(scene: Scene) -> None:
        for name in faults:
            await asyncio.sleep(seconds * chance.uniform(0.6, 1.0) / (len(faults) + 1))
            await known[name](scene)
        await asyncio.sleep(seconds / (len(faults) + 1))

    return await run_under_load(ground, client, Report(ground.variant, seed, faults), hurt)


async def crash_run(ground: Ground, client: httpx2.AsyncClient, seed: int, points: Sequence[str]) -> Report:
    """A whole run in which a process dies at each of these named points; that one did not is a finding."""
    report = Report(ground.variant, seed, [f"died at {point}" for point in points])

    async def hurt(scene: Scene) -> None:
        await asyncio.sleep(1.0)
        missed = await crash_at_points(scene, points)
        report.points.update(point for point in points if point not in missed)
        report.findings.append(finding("faults", "F1 the named points were reached", missed))
        await asyncio.sleep(1.0)

    return await run_under_load(ground, client, report, hurt)


async def run_under_load(
    ground: Ground, client: httpx2.AsyncClient, report: Report, hurt: Callable[[Scene], Awaitable[None]]
) -> Report:
    """Load while `hurt` lasts, then healing, quiet and every check."""
    chance = Random(report.seed)
    report.history = History(f"r{report.seed}{secrets.token_hex(2)}")
    started = monotonic()
    deaths = ground.deaths
    await sign_in(client)
    load = Load(client, await open_market(client), report.history, chance)
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        await hurt(Scene(ground, client, chance))
        load.end()
    await examine_run(report, ground, client)
    report.deaths = ground.deaths - deaths
    report.seconds = monotonic() - started
    return report


async def examine_run(report: Report, ground: Ground, client: httpx2.AsyncClient) -> None:
    """Let everything come to rest, play past all deadlines, and look."""
    await ground.until_ready()
    await sign_in(client)
    try:
        await ground.settle()
        await play_on(client, patience=PATIENCE)
        await ground.settle()
    except NotQuiet as error:
        report.findings.append(finding("spine", "I8 all comes to rest", [str(error)]))
    async with ground.database() as database:
        admin = await asyncpg.connect(ground.admin_url)
        try:
            report.orders = await admin.fetchval(
                "SELECT count(*) FROM orders.sales_order WHERE EXISTS (SELECT FROM unnest(labels) AS label "
                "WHERE label LIKE $1)",
                f"{report.history.stem}-%",
            )
            databases = dict.fromkeys(ground.services, database)
            poisoned = frozenset(ground.poisoned)
            subject = Subject(ground.services, databases, admin, report.history, poisoned, ground.began)
            report.findings += await check(subject)
        finally:
            await admin.close()
