"""The outermost layer of the application: request ids, size limits, access log and metrics."""

import re

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storeops.common.clock import monotonic
from storeops.common.errors import TooLarge
from storeops.common.http.context import CURRENT_REQUEST
from storeops.common.http.problems import failed, problem
from storeops.common.ids import new_id
from storeops.common.metrics import REQUESTS

log = structlog.get_logger()

REQUEST_ID = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
BATCH_PATHS = re.compile(r"(:[a-z]+|/import)$")
"""Paths of `:batch` requests and uploads, which may be larger."""


class BodyTooLarge(TooLarge):
    """The body is larger than this endpoint takes."""


class Edge:
    """Wraps the application; pure ASGI, because it runs on every request."""

    def __init__(self, app: ASGIApp, *, max_body: int, max_batch_body: int) -> None:
        self._app = app
        self._max_body = max_body
        self._max_batch_body = max_batch_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if REQUEST_ID.fullmatch(given) else new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        CURRENT_REQUEST.set(request_id)
        limit = self._max_batch_body if BATCH_PATHS.search(scope["path"]) else self._max_body
        started = monotonic()
        status: int | None = None

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        length = headers.get(b"content-length", b"0")
        try:
            if not length.isdigit() or int(length) > limit:
                await too_large(limit, Request(scope))(scope, receive, answer)
            else:
                await self._app(scope, limited(receive, limit), answer)
        except BodyTooLarge:
            await too_large(limit, Request(scope))(scope, receive, answer)
        except Exception as error:
            if status is not None:
                raise
            # Answered here and not further out, so that log, metrics and the caller's request id tell of it.
            await (await failed(Request(scope), error))(scope, receive, answer)
        finally:
            status = status or 500
            route = getattr(scope.get("route"), "path", "unmatched")
            taken = monotonic() - started
            REQUESTS.labels(scope["method"], route, str(status)).observe(taken)
            if status >= 500:
                log.error("request", method=scope["method"], route=route, status=status, request_id=request_id)
            else:
                log.debug("request", method=scope["method"], route=route, status=status, seconds=round(taken, 4))


def limited(receive: Receive, limit: int) -> Receive:
    """`receive` that raises `BodyTooLarge` once more than `limit` bytes came in."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            message_text = f"the body has more than {limit} bytes"
            raise BodyTooLarge(message_text)
        return message

    return counted


def too_large(limit: int, request: Request) -> Response:
    """The 413 answer."""
    return problem(413, "body_too_large", TooLarge.title, f"the body may have at most {limit} bytes", request)
