"""A running installation in a test: every service a process of its own, reached under one address by who owns a path.

Starts, waits for and ends processes; knows nothing of what the services do.
"""

import asyncio
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
from starlette.routing import Route

from storeops.common import sandbox
from storeops.common.embedded.process import HOST, ServerProcess, free_port, last_words, spawn
from storeops.common.service import Service

READY_WITHIN = 120.0
"""Seconds that a process may take until it is ready, on a machine that has other things to do."""
LOOK_AGAIN = 0.1
STOP_PATIENCE = 20.0
TAIL = 4_000
"""Bytes of a log that are shown when a test fails."""


class Serving(NamedTuple):
    """A service in a process of its own."""

    name: str
    process: ServerProcess
    url: str
    log: Path

    @property
    def tail(self) -> str:
        """What it said last."""
        return self.log.read_bytes()[-TAIL:].decode(errors="replace")


class ProcessEnded(Exception):
    """A process ended, or stayed silent, before it was ready; says its last words."""


def start(
    name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, *, port: int | None = None
) -> Serving:
    """Start `command --port <port>` in `folder`, its output in `<folder>/<name>.log`; it is not ready yet."""
    number = port or free_port()
    log = folder / f"{name}.log"
    process = spawn([*command, "--port", str(number)], log, env=environment, cwd=folder)
    return Serving(name, process, f"http://{HOST}:{number}", log)


async def start_services(
    command: Sequence[str], names: Sequence[str], environment: Mapping[str, str], folder: Path
) -> list[Serving]:
    """Start `command <service>` for each service, all at once; answers when every one is ready.

    Raises `ProcessEnded`, with none left running.
    """
    ports = {name: free_port() for name in names}
    urls = {f"STOREOPS_{name.upper()}_URL": f"http://{HOST}:{port}" for name, port in ports.items()}
    started: list[Serving] = []
    try:
        for name, port in ports.items():
            started.append(start(name, [*command, name], {**environment, **urls}, folder, port=port))
        await until_ready(started)
    except BaseException:
        await stop_services(started)
        raise
    return started


async def until_ready(started: Sequence[Serving]) -> None:
    """Return once every process says that it is ready. Raises `ProcessEnded`."""
    async with httpx2.AsyncClient() as client:
        await asyncio.gather(*(until_one_is_ready(client, serving) for serving in started))


async def until_one_is_ready(client: httpx2.AsyncClient, serving: Serving) -> None:
    """Return once a process says that it is ready. Raises `ProcessEnded`."""
    try:
        async with asyncio.timeout(READY_WITHIN):
            while serving.process.alive:
                if await is_ready(client, serving.url):
                    return
                await asyncio.sleep(LOOK_AGAIN)
    except TimeoutError:
        message = f"{serving.name} was not ready within {READY_WITHIN:g} s: {last_words(serving.log, 0, '.')}"
        raise ProcessEnded(message) from None
    message = f"{serving.name} ended with {serving.process.exit_code}: {last_words(serving.log, 0, '.')}"
    raise ProcessEnded(message)


async def is_ready(client: httpx2.AsyncClient, url: str) -> bool:
    """Whether somebody serves there and is ready."""
    try:
        return (await client.get(f"{url}/readyz")).is_success
    except httpx2.TransportError:
        return False


async def stop_services(running: Sequence[Serving]) -> None:
    """End every process in good order, and by force what does not end."""
    await asyncio.gather(*(serving.process.end(signal.SIGTERM, patience=STOP_PATIENCE) for serving in running))


class ByOwner(httpx2.AsyncBaseTransport):
    """Sends each request to the service that owns its path, as a gateway would."""

    def __init__(self, services: Mapping[str, Service], urls: Mapping[str, str]) -> None:
        self._owners = [
            (route, httpx2.URL(urls[name]))
            for name, service in services.items()
            for router in (*service.routers, *([sandbox.router] if name == "platform" else []))
            for route in router.routes
            if isinstance(route, Route)
        ]
        self._network = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it. Raises `LookupError` for a path that nobody owns."""
        for route, url in self._owners:
            if route.path_regex.match(request.url.path):
                request.url = request.url.copy_with(host=url.host, port=url.port)
                return await self._network.handle_async_request(request)
        message = f"no service owns {request.url.path}"
        raise LookupError(message)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._network.aclose()


@asynccontextmanager
async def client_of(
    services: Mapping[str, Service], running: Sequence[Serving], *, login: str, password: str
) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client on the whole installation, signed in."""
    transport = ByOwner(services, {serving.name: serving.url for serving in running})
    async with httpx2.AsyncClient(transport=transport, base_url="http://storeops", timeout=60.0) as client:
        signing_in = {"grant_type": "password", "login": login, "password": password}
        answer = await client.post("/v1/tokens", json=signing_in)
        answer.raise_for_status()
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client
