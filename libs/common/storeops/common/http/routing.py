"""Routes that declare their permission, and the sessions they run in.

`ServiceRouter` makes every endpoint say who may call it and how it may fail. `writing(service)` and
`reading_from(service)` are the session dependencies: the transaction of a request opens with the stores in which the
caller holds the endpoint's permission, and commits with the finished response in hand, before it is sent.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from storeops.common.auth.callers import Caller
from storeops.common.auth.permissions import Permission
from storeops.common.consumer import give_hints, is_passing
from storeops.common.db import DatabaseBusy, KeyAwaited, ReadSession, WriteSession, reading, transaction
from storeops.common.errors import DomainError, Invalid
from storeops.common.faults import reach
from storeops.common.http.context import context_of
from storeops.common.http.idempotency import (
    IdempotencyInProgress,
    Replayed,
    Slot,
    fingerprint_of,
    is_duplicate,
    key_of,
    record,
    stored,
)
from storeops.common.scope import Scope

TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
Public = Literal["public"]
Idempotency = Literal["required", "honoured"]
Afterwards = Callable[[Response], Awaitable[Response]]
F = TypeVar("F", bound=Callable[..., Any])


class UnknownParameter(Invalid):
    """A query parameter that the endpoint does not have."""


class UnprintableText(Invalid):
    """A NUL character, which no text of this system may hold."""


class CommitMissing(Exception):
    """An answer was about to leave although its transaction never committed."""


class JsonRequest(Request):
    """A request whose body is read by the faster parser."""

    async def json(self) -> Any:
        """The parsed body; raises `JSONDecodeError`. What the fast parser refuses, the usual one has the last word on.

        It takes halves of surrogate pairs, other encodings and more: its value is then refused by the field's name.
        """
        try:
            return orjson.loads(await self.body())
        except orjson.JSONDecodeError:
            return await super().json()


class SpineRoute(APIRoute):
    """A route whose finished response reaches the session before the commit."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Refuse what no endpoint accepts; then hand the finished response to the session dependency."""
        handle = super().get_route_handler()
        known = {field.alias for field in self.dependant.query_params}

        async def handler(given: Request) -> Response:
            request = JsonRequest(given.scope, given.receive)
            refuse_unknown(request, known)
            refuse_nul(await request.body())
            response = await handle(request)
            request.state.response = response
            return Deferred(response, request)

        return handler


class Deferred(Response):
    """The response as it leaves: after the commit, and after what the endpoint asked to wait for (`Prefer: wait`)."""

    def __init__(self, response: Response, request: Request) -> None:
        self.response = response
        self.request = request
        self.background = None

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Send the response that holds once the transaction has committed. Raises `CommitMissing`."""
        session = cast("WriteSession | None", getattr(self.request.state, "session", None))
        if session is not None and not session.committed:
            message = "the transaction of this request was torn down before its commit"
            raise CommitMissing(message)
        await reach("request.after_commit")
        response = await settled(self.request, self.response)
        await response(scope, receive, send)


async def settled(request: Request, response: Response) -> Response:
    """The response after waiting for what the endpoint asked for."""
    afterwards = cast("Afterwards | None", getattr(request.state, "afterwards", None))
    return response if afterwards is None else await afterwards(response)


def refuse_unknown(request: Request, known: set[str]) -> None:
    """Refuse query parameters that the endpoint does not have, and NUL in path or query."""
    for name, value in request.query_params.multi_items():
        if name not in known:
            errors = [{"pointer": f"/query/{name}", "value": value[:200], "expected": f"one of {sorted(known)}"}]
            message = f"unknown query parameter {name!r}"
            raise UnknownParameter(message, errors=errors)
        if "\0" in value:
            message = f"query parameter {name!r} holds a NUL character"
            raise UnprintableText(message)
    if "\0" in request.url.path or any("\0" in str(value) for value in request.path_params.values()):
        message = "the path holds a NUL character"
        raise UnprintableText(message)


def refuse_nul(body: bytes) -> None:
    """Refuse a JSON body with a NUL in a text, and name where; what is no JSON is refused elsewhere."""
    if b"\\u0000" not in body:
        return
    try:
        places = list(nul_places(orjson.loads(body), "/body"))
    except orjson.JSONDecodeError:
        return
    if places:
        errors = [{"pointer": place, "value": "\\u0000", "expected": "text without NUL"} for place in places[:50]]
        message = f"a NUL character (\\u0000) in {', '.join(places[:10])}"
        raise UnprintableText(message, errors=errors)


def nul_places(value: Any, place: str) -> Iterator[str]:
    """Where in a parsed body a text or a name holds a NUL."""
    if isinstance(value, str):
        if "\0" in value:
            yield place
    elif isinstance(value, list):
        for number, item in enumerate(cast("list[Any]", value)):
            yield from nul_places(item, f"{place}/{number}")
    elif isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            if "\0" in name:
                yield place
            yield from nul_places(item, f"{place}/{name}")


class ServiceRouter(APIRouter):
    """Routes of one service."""

    def __init__(self, service: str, *, tags: Sequence[str] = ()) -> None:
        super().__init__(route_class=SpineRoute, tags=list(tags) or [service])
        self.service = service

    def endpoint(
        self,
        method: str,
        path: str,
        *,
        permission: Permission | Public,
        errors: Sequence[type[DomainError]] = (),
        passed_on: Mapping[int, Sequence[str]] | None = None,
        status: int = 200,
        idempotency: Idempotency = "honoured",
        secret: bool = False,
        also: dict[int, dict[str, Any]] | None = None,
    ) -> Callable[[F], F]:
        """Declare an endpoint: who may call it, how it may fail, whether it needs an Idempotency-Key.

        `passed_on` are the codes, by status, of another service's refusals that this one hands to its caller.
        `secret` says that the body or the answer holds a password, a key or a token: neither is kept under an
        Idempotency-Key, and a refusal shows no value of the body. `also` documents further successful answers, such as
        202 beside 201.
        """
        responses: dict[int | str, dict[str, Any]] = {
            **dict(also or {}),
            **errors_of(*errors, passed_on=passed_on or {}),
        }

        def register(call: F) -> F:
            self.add_api_route(
                path,
                call,
                methods=[method],
                status_code=status,
                responses=responses,
                operation_id=call.__name__,
                openapi_extra={
                    "x-permission": str(permission),
                    "x-idempotency": "never" if secret else idempotency,
                    "x-secret": secret,
                },
                response_model_exclude_none=False,
            )
            return call

        return register


def errors_of(*errors: type[DomainError], passed_on: Mapping[int, Sequence[str]]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses of typed failures and of what is passed on, grouped by status."""
    by_status: dict[int | str, dict[str, Any]] = {}
    codes = [(error.status, error.code()) for error in errors]
    codes += [(status, code) for status, passed in passed_on.items() for code in passed]
    for status, code in codes:
        entry = by_status.setdefault(status, {"description": "", "content": {"application/problem+json": {}}})
        entry["description"] = ", ".join(filter(None, [entry["description"], f"`{code}`"]))
    return by_status


def permission_of(request: Request) -> str:
    """The permission that the matched route declares."""
    return request.scope["route"].openapi_extra["x-permission"]


async def caller_of(request: Request) -> Caller:
    """Who calls; raises `Unauthenticated` (401)."""
    known = getattr(request.state, "caller", None)
    if known is None:
        known = await context_of(request).verifier.caller(request.headers.get("authorization"))
        request.state.caller = known
    return known


def trace_of(request: Request) -> str | None:
    """The caller's trace (W3C), which events carry on; anything else in that header is passed over."""
    given = request.headers.get("traceparent", "")
    return given if TRACEPARENT.fullmatch(given) else None


async def scope_of(request: Request, service: str) -> Scope:
    """The stores in which the caller holds the endpoint's permission; raises 401 or 403."""
    permission = permission_of(request)
    trace = trace_of(request)
    correlation = getattr(request.state, "request_id", None)
    if permission == "public":
        return Scope(service, "public", frozenset(), correlation_id=correlation, traceparent=trace)
    caller = await caller_of(request)
    stores = caller.stores_for(Permission(permission))
    acting = request.headers.get("storeops-subject") if caller.kind == "service" else None
    actor = f"{caller.subject} for {acting}" if acting else caller.subject
    return Scope(service, actor, stores, correlation_id=correlation, traceparent=trace)


def reading_from(service: str) -> Callable[[Request], AsyncIterator[ReadSession]]:
    """The dependency that gives an endpoint a read-only session."""

    async def dependency(request: Request) -> AsyncIterator[ReadSession]:
        scope = await scope_of(request, service)
        async with reading(context_of(request).databases[service], scope) as session:
            yield session

    return dependency


def writing(service: str) -> Callable[[Request], AsyncIterator[WriteSession]]:
    """The dependency that gives an endpoint a writing session, with idempotency when the request has a key."""

    async def dependency(request: Request) -> AsyncIterator[WriteSession]:
        context = context_of(request)
        scope = await scope_of(request, service)
        database = context.databases[service]
        extra = request.scope["route"].openapi_extra
        key = None if extra["x-secret"] else key_of(request, required=extra["x-idempotency"] == "required")
        route = f"{request.method} {request.scope['route'].path}"
        fingerprint = await fingerprint_of(request) if key else ""
        slot = Slot(route, key or "", context.settings.service_secret or "")
        try:
            async with transaction(database, scope) as session:
                request.state.session = session
                yield session
                if key:
                    session.idempotency = record(slot, fingerprint, scope, request.state.response)
                await reach("request.before_commit")
        except Exception as error:
            # Rolled back: what is answered from here on claims no change of its own.
            request.state.session = None
            if isinstance(error, KeyAwaited):
                message = f"the first request with Idempotency-Key {key!r} has not finished"
                raise IdempotencyInProgress(message) from error
            if key and (isinstance(error, DomainError) or is_duplicate(error)):
                answer = await stored(database, scope, slot, fingerprint)
                if answer is not None:
                    raise Replayed(Deferred(answer, request)) from error
            if is_passing(error) and not isinstance(error, DomainError):
                message = "the database does not answer, or others hold what this request needs; try again"
                raise DatabaseBusy(message) from error
            raise
        give_hints(context.signals, session)

    return dependency
