"""A light HTTP client: one request at a time on a kept-alive connection, answers of a known length only.

Less than a client on purpose: what it spends is taken from the machine that is being measured.
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple, cast

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length: "


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


class Unanswered(Exception):
    """The server closed the connection instead of answering, or answered in a form that is not read here."""


class Connection(asyncio.Protocol):
    """One connection; opened by `connect`."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Give the answer out once it is whole."""
        self._received += data
        head = self._received.find(END_OF_HEAD)
        if head < 0:
            return
        at = self._received.lower().find(LENGTH, 0, head)
        if at < 0:
            self._fail(f"an answer without a length: {self._received[:head]!r}")
            return
        line_end = self._received.find(b"\r\n", at + len(LENGTH))
        end = head + len(END_OF_HEAD) + int(self._received[at + len(LENGTH) : line_end])
        if len(self._received) < end:
            return
        answer = Answer(int(self._received[9:12]), self._received[head + len(END_OF_HEAD) : end])
        self._received = self._received[end:]
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._fail(f"the connection was closed: {exc}")

    async def ask(self, request: bytes) -> Answer:
        """Send a whole request and wait for its answer; raises `Unanswered`."""
        assert self._transport is not None
        if self._transport.is_closing():
            raise Unanswered("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Unanswered(why))


async def connect(host: str, port: int) -> Connection:
    """Open a connection."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, host, port)
    return connection


def post(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The bytes of a POST with a JSON body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{lines}\r\n"
    )
    return head.encode() + body
