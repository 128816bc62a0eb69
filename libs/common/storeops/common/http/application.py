"""The application of a process: the routes of its services, the health of its parts, one face to the outside."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.routing import Route

from storeops.common import sandbox
from storeops.common.auth.callers import PermissionMissing
from storeops.common.auth.tokens import TokenInvalid, TokenMissing
from storeops.common.bus.base import Bus, BusUnavailable
from storeops.common.consumer import is_passing
from storeops.common.http.context import HttpContext, context_of
from storeops.common.http.documentation import install_documentation
from storeops.common.http.edge import BodyTooLarge, Edge
from storeops.common.http.idempotency import (
    IdempotencyInProgress,
    IdempotencyKeyMalformed,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    StoredAnswerUnreadable,
)
from storeops.common.http.problems import PROBLEM_SCHEMA, install_problems, problem
from storeops.common.http.routing import ServiceRouter, SpineRoute, UnknownParameter, UnprintableText
from storeops.common.service import Service


def build_application(services: Sequence[Service], context: HttpContext | None) -> FastAPI:
    """One FastAPI application with the routes of these services."""
    app = FastAPI(
        title="StoreOps" if len(services) != 1 else f"StoreOps {services[0].title}",
        version="1",
        description="\n\n".join(f"**{service.name}**: {service.title}" for service in services),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    for service in services:
        for router in service.routers:
            app.include_router(router)
    sandboxed = context is not None and context.settings.sandbox and "platform" in context.databases
    if sandboxed:
        app.include_router(sandbox.router)
    app.state.context = context
    app.state.bus = None
    app.state.why_down = None
    install_problems(app)
    install_documentation(app)
    app.router.routes.extend([Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)])
    app.openapi = lambda: openapi_of(app)
    if context is not None:
        app.add_middleware(Edge, max_body=context.settings.max_body, max_batch_body=context.settings.max_batch_body)
    return app


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """OpenAPI with the one shape of errors, the token, and Idempotency-Key where it counts."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path in document.get("paths", {}).values():
        for method, operation in path.items():
            describe(operation, safe=method == "get")
    app.openapi_schema = document
    return document


def describe(operation: dict[str, Any], *, safe: bool) -> None:
    """What every operation has in common; `safe` ones change nothing."""
    reference = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses = operation["responses"]
    responses.pop("422", None) if "application/json" in responses.get("422", {}).get("content", {}) else None
    for status, answer in responses.items():
        if int(status) >= 400:
            answer["content"] = reference
    refusals = ", ".join(f"`{code}`" for code in common_refusals(operation, safe=safe))
    responses["4XX"] = {"description": f"Refused before anything was done: {refusals}", "content": reference}
    responses["5XX"] = {"description": "Try again later: `database_busy`, `internal_error`", "content": reference}
    if operation.get("x-permission") != "public":
        operation["security"] = [{"token": []}]
    if operation.get("x-idempotency") == "required":
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            }
        )


def common_refusals(operation: dict[str, Any], *, safe: bool) -> list[str]:
    """Codes that an operation may answer beside its own, because all of its kind may."""
    codes = ["invalid_request", UnknownParameter.code(), UnprintableText.code()]
    if "requestBody" in operation:
        codes += ["malformed_json", BodyTooLarge.code()]
    if operation.get("x-permission") != "public":
        codes += [error.code() for error in (TokenMissing, TokenInvalid, PermissionMissing)]
    if not safe and operation.get("x-idempotency") != "never":
        repeated = (IdempotencyKeyMalformed, IdempotencyKeyReused, IdempotencyInProgress, StoredAnswerUnreadable)
        codes += [error.code() for error in repeated]
    if operation.get("x-idempotency") == "required":
        codes.append(IdempotencyKeyMissing.code())
    return codes


async def livez(_request: Request) -> Response:
    """The process's loop turns."""
    return Response("ok", media_type="text/plain")


async def readyz(request: Request) -> Response:
    """The process can do its work: its databases answer, and in a worker its bus too.

    An API writes events beside its changes and needs no bus.
    """
    context = context_of(request)
    for database in set(context.databases.values()):
        try:
            slot = await database.acquire()
        except Exception as error:
            if not is_passing(error):
                raise
            return problem(503, "not_ready", "Not ready", why_down(request), request)
        try:
            await slot.driver.fetchval("SELECT 1")
        except Exception as error:
            await database.discard(slot)
            if not is_passing(error):
                raise
            return problem(503, "not_ready", "Not ready", why_down(request), request)
        database.release(slot)
    bus: Bus | None = request.app.state.bus
    if bus is not None:
        try:
            await bus.alive()
        except BusUnavailable as error:
            return problem(503, "not_ready", "Not ready", str(error), request)
    return Response("ready", media_type="text/plain")


def why_down(request: Request) -> str:
    """What is known of a database that does not answer: an embedded server says what is wrong with it."""
    known: Callable[[], str | None] | None = request.app.state.why_down
    return (known() if known is not None else None) or "the database does not answer"


async def metrics(_request: Request) -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def operations(routers: Sequence[ServiceRouter]) -> list[tuple[str, str, str]]:
    """Every endpoint as (method, path, permission)."""
    return [
        (method, route.path, route.openapi_extra["x-permission"])
        for router in routers
        for route in router.routes
        if isinstance(route, SpineRoute) and route.openapi_extra
        for method in sorted(route.methods or ())
    ]
