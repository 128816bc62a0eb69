"""The demo's hands on the public HTTP API: signs in, sends batches, and stops at the first answer that is wrong."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import httpx2

from storeops.common.clock import monotonic
from storeops.common.ids import new_id

T = TypeVar("T")

BATCH = 500
"""Items of one `:batch` request."""
TOKEN_LIFE = 300.0
"""Seconds after which the demo signs in anew, half the life of a token."""


class DemoStopped(Exception):
    """The API answered what the demo did not expect; says what was asked and answered."""


def chunks(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """Runs of at most `size` items."""
    return (items[start : start + size] for start in range(0, len(items), size))


class Shopfront:
    """A signed-in client of a running StoreOps."""

    def __init__(self, url: str, login: str, password: str) -> None:
        self._client = httpx2.AsyncClient(base_url=url, timeout=120.0)
        self._login, self._password = login, password
        self._token, self._until = "", 0.0

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON of a GET."""
        return await self._send("GET", path, params={name: value for name, value in query.items() if value is not None})

    async def text(self, path: str) -> str:
        """The text of a GET that needs no token."""
        return (await self._client.get(path)).text

    async def pages(self, path: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """Every item of a list."""
        cursor: str | None = None
        while True:
            page = await self.get(path, limit=200, cursor=cursor, **query)
            for item in page["items"]:
                yield item
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def post(
        self, path: str, body: Any, *, key: str | None = None, prefer: str | None = None, may: Sequence[int] = ()
    ) -> Any:
        """The JSON of a POST; statuses in `may` are answered as None instead of ending the demo."""
        headers = {"idempotency-key": key} if key else {}
        if prefer:
            headers["prefer"] = prefer
        return await self._send("POST", path, json=body, headers=headers, may=may)

    async def put_first(self, path: str, body: Any) -> Any:
        """The JSON of a PUT of what nobody has set yet."""
        return await self._send("PUT", path, json=body, headers={"if-match": '"v0"'})

    async def batch(self, path: str, items: Sequence[Mapping[str, Any]], *, key: str | None = None) -> list[Any]:
        """Send items in batches of 500; answers their results in order."""
        results: list[Any] = []
        for number, part in enumerate(chunks(items)):
            answer = await self.post(path, {"items": list(part)}, key=f"{key or new_id('demo')}-{number}")
            results.extend(answer["items"])
        return results

    async def play(self, to: datetime, *, figures: bool = False, stops: str = "due") -> dict[str, Any]:
        """Play the sandbox clock to an instant and wait for its arrival; with `figures`, until they are current."""
        body = {"to": to.isoformat(), "figures": figures, "stops": stops}
        clock = await self.post("/v1/sandbox/clock/advance", body, prefer="wait=30")
        while clock["status"] != "ready":
            clock = await self._send("GET", "/v1/sandbox/clock", headers={"prefer": "wait=30"})
        return clock

    async def _send(self, method: str, path: str, *, may: Sequence[int] = (), **request: Any) -> Any:
        await self._sign_in()
        headers = {**request.pop("headers", {}), "authorization": f"Bearer {self._token}"}
        response = await self._client.request(method, path, headers=headers, **request)
        if response.status_code in may:
            return None
        if response.status_code >= 400:
            message = f"{method} {path} answered {response.status_code}: {response.text[:500]}"
            raise DemoStopped(message)
        return response.json() if response.content else None

    async def _sign_in(self) -> None:
        if monotonic() < self._until:
            return
        body = {"grant_type": "password", "login": self._login, "password": self._password}
        response = await self._client.post("/v1/tokens", json=body)
        if response.status_code != 200:
            message = f"signing in answered {response.status_code}: {response.text[:500]}"
            raise DemoStopped(message)
        self._token, self._until = response.json()["access_token"], monotonic() + TOKEN_LIFE


def refused(results: Sequence[Any]) -> list[Any]:
    """The items of a batch that were refused."""
    return [result for result in results if result["status"] >= 400]


def require(results: Sequence[Any], what: str) -> list[Any]:
    """The resources of a batch; ends the demo when one was refused."""
    bad = refused(results)
    if bad:
        message = f"{len(bad)} of {len(results)} {what} were refused, the first with {bad[0]['problem']}"
        raise DemoStopped(message)
    return [result["resource"] for result in results]
