"""Every error leaves as RFC 9457 problem+json with a stable code, naming field, value and what was expected."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from storeops.common.clients import PeerRefused
from storeops.common.consumer import is_passing
from storeops.common.errors import DomainError
from storeops.common.http.idempotency import Replayed
from storeops.common.ids import new_id

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
SHOWN = 200
"""Characters of a refused value that are shown back."""

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "expected"],
                "properties": {"pointer": {"type": "string"}, "value": {}, "expected": {"type": "string"}},
            },
        },
    },
}
"""The one shape of errors."""

HTTP_CODES = {404: "no_such_path", 405: "method_not_allowed", 413: "too_large", 400: "malformed_json"}


def problem(status: int, code: str, title: str, detail: str, request: Request | None = None, **more: Any) -> Response:
    """A problem+json response."""
    body = {
        "type": f"urn:storeops:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id_of(request),
        **more,
    }
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    if status in (409, 503) and code in ("idempotency_in_progress", "database_busy", "peer_unavailable"):
        headers["retry-after"] = "1"
    return Response(orjson.dumps(body, default=str), status, headers, MEDIA_TYPE)


def request_id_of(request: Request | None) -> str:
    """The request's id, as the logs carry it."""
    return getattr(request.state, "request_id", None) or new_id("req") if request is not None else new_id("req")


def install_problems(app: FastAPI) -> None:
    """Render every failure of the application as a problem."""
    app.add_exception_handler(DomainError, refused)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, not_routed)
    app.add_exception_handler(Replayed, replayed)
    app.add_exception_handler(Exception, failed)


async def refused(request: Request, error: Exception) -> Response:
    """A typed failure of a use case."""
    assert isinstance(error, DomainError)
    if isinstance(error, PeerRefused):
        passed = {"errors": error.errors} if error.errors else {}
        code, title = str(error.problem.get("code")), str(error.problem.get("title"))
        return problem(error.peer_status, code, title, error.detail, request, **passed)
    more: dict[str, Any] = dict(error.facts)
    if error.errors:
        more["errors"] = error.errors
    answer = problem(error.status, error.code(), error.title, error.detail, request, **more)
    if "retry_after" in error.facts:
        answer.headers["retry-after"] = str(error.facts["retry_after"])
    return answer


async def malformed(request: Request, error: Exception) -> Response:
    """A request that does not fit its schema."""
    assert isinstance(error, RequestValidationError)
    details = error.errors()
    if any(item["type"] == "json_invalid" for item in details):
        return problem(400, "malformed_json", "Malformed JSON", "the body is not JSON", request)
    errors: list[dict[str, Any]] = [
        {
            "pointer": pointer(place_of(item, error.body)),
            "value": shown(item.get("input")),
            "expected": str(item["msg"]),
        }
        for item in details[:50]
    ]
    if request.scope["route"].openapi_extra["x-secret"]:
        # Even the value of a missing field is a secret: it is the whole body.
        errors = [{"pointer": item["pointer"], "expected": item["expected"]} for item in errors]
    fields = ", ".join(item["pointer"] for item in errors)
    return problem(422, "invalid_request", "Invalid request", f"invalid: {fields}", request, errors=errors)


async def not_routed(request: Request, error: Exception) -> Response:
    """No such path or method, or a refusal of the framework."""
    assert isinstance(error, HTTPException)
    code = HTTP_CODES.get(error.status_code, f"http_{error.status_code}")
    answer = problem(error.status_code, code, str(error.detail), str(error.detail), request)
    answer.headers.update(error.headers or {})
    return answer


async def replayed(_request: Request, error: Exception) -> Response:
    """The stored answer of a request that was made before."""
    assert isinstance(error, Replayed)
    return error.response


async def failed(request: Request, error: Exception) -> Response:
    """What nobody foresaw; the log has it, the caller gets its id."""
    if is_passing(error):
        return problem(503, "database_busy", "Unavailable", "the database does not answer; try again", request)
    log.error("request_failed", request_id=request_id_of(request), exc_info=error)
    return problem(500, "internal_error", "Internal error", "an unexpected error; it is logged", request)


def place_of(item: Mapping[str, Any], body: Any) -> list[Any]:
    """Where in the request an error lies, as the request has it: the names of a union's branches are left out."""
    source, *parts = item["loc"]
    place = (way_to(item, parts, body) if source == "body" else None) or parts
    if item["type"] in ("union_tag_invalid", "union_tag_not_found"):
        place = [*place, item["ctx"]["discriminator"].strip("'")]
    return [source, *place]


def way_to(item: Mapping[str, Any], parts: Sequence[Any], value: Any) -> list[Any] | None:
    """Those parts of an error's location that lead through a body to the value that was refused."""
    if not parts:
        return [] if value is item["input"] else None
    first, *rest = parts
    if not rest and item["type"] == "missing" and value is item["input"]:
        return [first]
    children = children_of(value)
    deeper = way_to(item, rest, children[first]) if first in children else None
    return way_to(item, rest, value) if deeper is None else [first, *deeper]


def children_of(value: Any) -> Mapping[Any, Any]:
    """What lies directly in an object or a list of a body, by name or number."""
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value)
    return dict(enumerate(cast("list[Any]", value))) if isinstance(value, list) else {}


def pointer(location: Sequence[Any]) -> str:
    """A place as it is shown: `/body/lines/0/quantity`, `/query/limit`."""
    return "/" + "/".join(str(part) for part in location)


def shown(value: Any) -> Any:
    """A refused value as it may be shown back: short, and only plain JSON."""
    if value is None or isinstance(value, bool | int):
        return value if not isinstance(value, int) or abs(value) < 2**53 else str(value)[:SHOWN]
    return str(value).encode("utf-8", "replace").decode()[:SHOWN]
