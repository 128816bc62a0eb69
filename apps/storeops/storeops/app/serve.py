"""`storeops serve`: any of the services, in any role, as one process."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, NamedTuple

import orjson
import typer

from storeops.app.console import AsJson, fail, notes, run, sentences
from storeops.app.installation import OWNER_LOGIN, first_owner, grounded
from storeops.common.embedded.process import require_free_port
from storeops.common.logs import configure_logs
from storeops.common.runtime import Parts, Role, assemble, run_process
from storeops.common.service import installed_services
from storeops.common.settings import SERVICE_PORTS, Settings


class Running(NamedTuple):
    """A process that serves."""

    parts: Parts
    address: str
    password_at: str | None
    """Where the first owner's password lies; said once, at the first start."""


@asynccontextmanager
async def serving(settings: Settings, names: list[str], role: Role, port: int) -> AsyncGenerator[Running]:
    """Serve until the block ends; a part that fails ends the block with its error."""
    require_free_port(port, server="StoreOps")
    everyone = installed_services()
    chosen = {name: service for name, service in everyone.items() if not names or name in names}
    whole = len(chosen) == len(everyone) and role == "all"
    async with (
        grounded(settings) as ground,
        assemble(ground.settings, chosen, alone=whole, everyone=everyone) as parts,
    ):
        if (server := ground.server) is not None:
            parts.application.state.why_down = lambda: server.problem
        password_at = await first_owner(parts)
        stopping, ready = asyncio.Event(), asyncio.Event()
        process = asyncio.create_task(run_process(parts, role=role, port=port, stopping=stopping, ready=ready))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({process, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if process.done():
            waiting.cancel()
            await process
        owner = asyncio.current_task()
        process.add_done_callback(lambda _task: owner.cancel() if owner and not stopping.is_set() else None)
        try:
            yield Running(parts, f"http://{settings.host}:{port}", password_at)
        except asyncio.CancelledError:
            if process.done() and not process.cancelled() and (error := process.exception()):
                raise error from None
            raise
        finally:
            stopping.set()
            await asyncio.wait({process})


def serve(
    *,
    services: Annotated[list[str] | None, typer.Argument(help="Services to run; all of them unless named.")] = None,
    role: Annotated[str, typer.Option(help="all, api or worker.")] = "all",
    port: Annotated[int | None, typer.Option(help="Where to listen.")] = None,
    bus: Annotated[str | None, typer.Option(help="postgres or kafka.")] = None,
    sandbox: Annotated[bool, typer.Option(help="Business time moves by /v1/sandbox/clock.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run services until stopped. Without settings: all of them, on an embedded PostgreSQL in ./.storeops."""
    if role not in ("all", "api", "worker"):
        raise fail(f"--role is {role!r}; expected all, api or worker", 2)
    if bus not in (None, "postgres", "kafka"):
        raise fail(f"--bus is {bus!r}; expected postgres or kafka", 2)
    names = services or []
    everyone = installed_services()
    unknown = [name for name in names if name not in everyone]
    if unknown:
        raise fail(f"no service {', '.join(unknown)}; there are {', '.join(everyone)}", 2)
    with sentences():
        settings = Settings()
        changes = {"bus": bus, "sandbox": sandbox or None}
        settings = settings.model_copy(update={name: value for name, value in changes.items() if value is not None})
        default = SERVICE_PORTS.get(names[0], settings.port) if len(names) == 1 else settings.port
        configure_logs(settings.log_level)
        run(serve_until_stopped(settings, names, role, port or default, as_json=as_json))


async def serve_until_stopped(
    settings: Settings, names: list[str], role: Role, port: int, *, as_json: bool = False
) -> None:
    """Serve until SIGINT or SIGTERM; with `as_json` one line to standard output says that it is ready and where."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    if settings.database_url is None and not (settings.data_dir / "postgres" / "data").exists():
        notes.print(f"First start: PostgreSQL and {len(installed_services())} schemas are made in {settings.data_dir}")
    async with serving(settings, names, role, port) as running:
        if as_json:
            ready = {
                "address": running.address,
                "docs": f"{running.address}/docs",
                "services": list(running.parts.services),
                "password_at": running.password_at,
            }
            sys.stdout.write(orjson.dumps(ready).decode() + "\n")
            sys.stdout.flush()
        notes.print(f"StoreOps serves {', '.join(running.parts.services)} at {running.address}", soft_wrap=True)
        notes.print(f"API documentation: {running.address}/docs", soft_wrap=True)
        if running.password_at:
            notes.print(
                f"First start: sign in as '{OWNER_LOGIN}' with the password in {running.password_at}", soft_wrap=True
            )
        await stop.wait()
