"""Calls between services: over the network, or inside the process to the same routes with the same bytes and checks.

Where a peer lies is configuration; the caller's code does not know. A call is made before the caller's own
transaction, never inside one.
"""

from collections.abc import Mapping
from typing import Any

import httpx2
import orjson

from storeops.common.errors import DomainError, Unavailable

ASGIApp = Any


class PeerUnavailable(Unavailable):
    """Another service of ours does not answer."""


class PeerRefused(DomainError):
    """Another service of ours refused, with a problem that is passed on."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail", "refused")), errors=problem.get("errors"))
        self.peer_status = status
        self.problem = problem


class Peers:
    """The other services, by name. `apps` are those inside this process, `urls` the others."""

    def __init__(self, *, apps: Mapping[str, ASGIApp], urls: Mapping[str, str]) -> None:
        self._apps = apps
        self._urls = urls
        self._network = httpx2.AsyncClient(timeout=10.0)

    async def call(
        self, service: str, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        """The body of a successful answer; raises `PeerRefused` for a problem and `PeerUnavailable` for silence."""
        sent = {"content-type": "application/json", **(headers or {})}
        app = self._apps.get(service)
        if app is not None:
            status, answer = await call_asgi(app, method, path, body, sent)
        else:
            try:
                response = await self._network.request(method, self._urls[service] + path, content=body, headers=sent)
            except httpx2.TransportError as error:
                message = f"{service} does not answer: {error!r}"
                raise PeerUnavailable(message) from error
            status, answer = response.status_code, response.content
        if status >= 500:
            message = f"{service} answered {status}"
            raise PeerUnavailable(message)
        if status >= 400:
            raise PeerRefused(status, orjson.loads(answer))
        return answer

    async def close(self) -> None:
        """Close network connections."""
        await self._network.aclose()


async def call_asgi(app: ASGIApp, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """One request to an application in this process: status and body."""
    status = 500
    chunks: list[bytes] = []
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            chunks.append(message.get("body", b""))

    plain, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": plain,
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": ("storeops", 80),
        "client": ("127.0.0.1", 0),
        "state": {},
    }
    await app(scope, receive, send)
    return status, b"".join(chunks)
