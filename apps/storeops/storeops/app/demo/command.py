"""`storeops demo`: starts everything, replays real orders, says what became of them, and keeps serving."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

import httpx2
import orjson
import typer

from storeops.app.console import fail, notes, out, progress, run
from storeops.app.demo.data import (
    DEFAULT_DAYS,
    DEFAULT_START,
    FIRST_DAY,
    LAST_DAY,
    SHOP_ZONE,
    Product,
    daily_demand,
    read_baskets,
    read_order_counts,
    read_products,
)
from storeops.app.demo.replay import Replay, Script
from storeops.app.demo.seeding import Assortment, Traffic, assortments, daily_traffic, own_site_orders
from storeops.app.demo.setting_up import (
    Step,
    Town,
    declare_campaigns,
    open_town,
    open_warehouses,
    put_on_shelf,
    receive_opening_stock,
    register_skus,
    wait_for_payment,
)
from storeops.app.demo.shopfront import DemoStopped, Shopfront
from storeops.app.demo.stocking import StockSeed, plan_stock
from storeops.app.demo.summary import Summary, show, summarise
from storeops.common.clock import monotonic
from storeops.common.embedded.kafka import EmbeddedKafka
from storeops.common.embedded.process import EmbeddedServerError
from storeops.common.settings import Settings

SEED = 20_261_111
OWNER = "admin"
READY_WITHIN = 120.0
"""Seconds that the first start may take, migrations and a slow disk included."""


class Window(NamedTuple):
    """The days that are replayed, and how far one step goes."""

    start: date
    days: int
    step: timedelta
    stops: str = "due"

    @property
    def opens(self) -> datetime:
        """The first instant."""
        return datetime.combine(self.start, time(), SHOP_ZONE)

    @property
    def closes(self) -> datetime:
        """The instant after the last day."""
        return datetime.combine(self.start + timedelta(days=self.days), time(), SHOP_ZONE)


def demo(  # noqa: PLR0917 - typer reads options from parameters
    days: Annotated[int, typer.Option(min=1, max=365, help="Days to replay.")] = DEFAULT_DAYS,
    everything: Annotated[bool, typer.Option("--all", help="The whole year, in steps of two hours.")] = False,
    bus: Annotated[str, typer.Option(help="postgres, or kafka: a real broker is started for it.")] = "postgres",
    leave: Annotated[bool, typer.Option("--exit", help="End after the summary instead of serving on.")] = False,
    report: Annotated[Path | None, typer.Option("--json", help="Write the summary's figures to this file.")] = None,
    port: Annotated[int, typer.Option(help="Where the API listens.")] = 8000,
) -> None:
    """Replay real retail orders through the public API and show what became of them."""
    if bus not in ("postgres", "kafka"):
        raise fail(f"--bus is {bus!r}; expected postgres or kafka", 2)
    window = Window(DEFAULT_START, days, timedelta(minutes=15))
    if everything:
        window = Window(FIRST_DAY, (LAST_DAY - FIRST_DAY).days + 1, timedelta(hours=2), stops="target")
    try:
        run(show_everything(window, bus=bus, port=port, leave=leave, report=report))
    except (DemoStopped, EmbeddedServerError) as error:
        raise fail(str(error)) from error


async def show_everything(window: Window, *, bus: str, port: int, leave: bool, report: Path | None) -> None:
    """Start, set up, replay, sum up, serve on."""
    folder = Settings().data_dir / "demo"
    # The demo always begins anew; other data in the folder beside it is left alone.
    shutil.rmtree(folder, ignore_errors=True)
    began = monotonic()
    async with AsyncExitStack() as stack:
        kafka = await stack.enter_async_context(EmbeddedKafka(folder / "kafka")) if bus == "kafka" else None
        url, password = await stack.enter_async_context(
            served(folder, port, window.opens, kafka.bootstrap_servers if kafka else None)
        )
        front = Shopfront(url, OWNER, password)
        stack.push_async_callback(front.close)
        replay_seconds, replayed = await replay(front, window)
        summary = await summarise(front, window.start, window.days)
        summary = summary._replace(
            lines=replayed.real_lines,
            seconds=monotonic() - began,
            orders_per_s=replayed.handed_in / replay_seconds,
        )
        if report is not None:
            write_report(report, summary)
        show(summary)
        if not leave:
            out.print(f"\nStill serving. API documentation: {url}/docs")
            out.print(f"Sign in as '{OWNER}' with the password in {folder / 'secrets' / 'owner'}; Ctrl-C ends it.")
            await stopped()


def write_report(path: Path, summary: Summary) -> None:
    """The summary's figures as JSON."""
    path.write_bytes(orjson.dumps(summary.figures(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


async def replay(front: Shopfront, window: Window) -> tuple[float, Replay]:
    """Set the town up and replay the window; answers the replay's seconds, and the replay with its counts."""
    demand = list(daily_demand(window.start, window.days))
    counts = read_order_counts(window.start, window.days)
    pools = assortments(demand)
    plan = plan_stock(SEED, window.start, window.days, demand)
    sold = {row.product_id for row in demand}
    products = {number: product for number, product in read_products().items() if number in sold}
    del demand
    with progress("Setting up") as bar:
        task = bar.add_task("", total=1, rate="")

        def step(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        town = await set_up(front, window, products=products, pools=pools, opening=plan.opening, step=step)
        await record_traffic(front, town, list(daily_traffic(SEED, counts)))
    own = list(own_site_orders(SEED, counts, pools))
    total = sum(counts.values()) + len(own)
    script = Script(
        baskets=read_baskets(window.start, window.days),
        own_orders=iter(own),
        receipts=iter([receipt for receipt in plan.restocks if receipt.at < window.closes]),
    )
    began = monotonic()
    with progress("Replaying") as bar:
        task = bar.add_task("orders", total=total, rate="")

        def tell(done: int) -> None:
            bar.update(task, completed=done, rate=f"{done / (monotonic() - began):,.0f}/s")

        run_through = Replay(front, town, script, seed=SEED, tell=tell)
        await run_through.run(window.opens, window.closes, window.step, stops=window.stops)
        await run_through.finish(window.closes + timedelta(days=4), timedelta(hours=1))
        now = datetime.fromisoformat((await front.get("/v1/sandbox/clock"))["now"])
        await front.play(now, figures=True)
    return monotonic() - began, run_through


async def set_up(
    front: Shopfront,
    window: Window,
    *,
    products: Mapping[int, Product],
    pools: Mapping[int, Assortment],
    opening: Sequence[StockSeed],
    step: Step,
) -> Town:
    """Everything that stands before the first order."""
    town = await open_town(front)
    await front.play(window.opens)
    town = await open_warehouses(front, town)
    await register_skus(front, town, products, pools, step)
    await receive_opening_stock(front, town, opening, step)
    # Played, so that promotions has heard of the goods: what has no stock yet is listed off the shelf.
    await front.play(window.opens)
    titles = {number: title_of(product) for number, product in products.items()}
    prices = {number: product.list_price for number, product in products.items()}
    await put_on_shelf(front, town, pools, prices=prices, titles=titles, step=step)
    await declare_campaigns(front, town, window.opens, window.closes)
    await wait_for_payment(front, town, at_least=3 * window.step)
    await front.play(window.opens)
    return town


def title_of(product: Product) -> str:
    """A listing's title: at most 60 half-width characters (LST-2)."""
    return " ".join(f"{product.kind} {product.package_size}".split())[:60] or f"product {product.product_id}"


async def record_traffic(front: Shopfront, town: Town, traffic: Sequence[Traffic]) -> None:
    """Seeded visitors and page views, handed in with the provider that says so."""
    items = [
        {
            "store_id": town.stores[row.shop],
            "day": row.day.isoformat(),
            "source": row.source,
            "terminal": row.terminal,
            "visitors": row.visitors,
            "page_views": row.page_views,
            "provider": "synthetic",
        }
        for row in traffic
    ]
    await front.batch("/v1/traffic", items)


@asynccontextmanager
async def served(folder: Path, port: int, start: datetime, kafka: str | None) -> AsyncGenerator[tuple[str, str]]:
    """`storeops serve` as a process of its own; answers its address and the owner's password."""
    settings = {
        "STOREOPS_DATA_DIR": str(folder),
        "STOREOPS_SANDBOX": "true",
        "STOREOPS_SANDBOX_START": start.isoformat(),
        "STOREOPS_PORT": str(port),
        "STOREOPS_LOG_LEVEL": "WARNING",
        # The terminal's one live line is the demo's.
        "TTY_COMPATIBLE": "0",
    }
    if kafka is not None:
        settings |= {"STOREOPS_BUS": "kafka", "STOREOPS_KAFKA": kafka}
    # Settings that are meant for another installation must not reach this one.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STOREOPS_")}
    command = [sys.executable, "-m", "storeops.app", "serve"]
    process = await asyncio.create_subprocess_exec(*command, env=inherited | settings)
    url = f"http://127.0.0.1:{port}"
    try:
        with notes.status("Starting PostgreSQL and the six services"):
            await ready(url, process)
        yield url, (folder / "secrets" / "owner").read_text()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def ready(url: str, process: asyncio.subprocess.Process) -> None:
    """Return once the API is ready; raises `DemoStopped` when its process ends or the time is up."""
    until = monotonic() + READY_WITHIN
    async with httpx2.AsyncClient(base_url=url) as client:
        while monotonic() < until and process.returncode is None:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.1)
    message = f"`storeops serve` did not become ready at {url}; is the port free?"
    raise DemoStopped(message)


async def stopped() -> None:
    """Return at SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await stop.wait()
