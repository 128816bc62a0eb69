"""What every endpoint says of itself: who may call it, how it may fail, whether a repeat is safe."""

import json
import re
from typing import Any

import pytest
from storeops.common import sandbox
from storeops.common.auth.permissions import Permission
from storeops.common.http.routing import ServiceRouter, SpineRoute
from storeops.common.service import Service

from ..access.operations import (  # noqa: TID252 - tests have no package to name
    DOCUMENT,
    OPERATIONS,
    UNVERSIONED,
    Operation,
)

PUBLIC = {"POST /v1/tokens", "GET /v1/jwks"}
"""What nobody signs in for: signing in itself, and the keys that tokens are checked with."""
READS_BY_POST = {"POST /v1/quotes:batch": "changes nothing"}
"""Batches that need no Idempotency-Key, and why."""


def routers(services: dict[str, Service]) -> list[ServiceRouter]:
    return [sandbox.router, *(router for service in services.values() for router in service.routers)]


def operations(which: dict[str, Operation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", [pytest.param(each, id=name) for name, each in sorted(which.items())])


def test_every_route_is_one_of_ours_and_names_its_permission(services: dict[str, Service]) -> None:
    undeclared = [
        route
        for router in routers(services)
        for route in router.routes
        if not isinstance(route, SpineRoute) or "x-permission" not in (route.openapi_extra or {})
    ]
    assert undeclared == []
    asked = {operation.permission for operation in OPERATIONS.values()}
    assert asked - {"public"} == set(Permission), "every permission is asked for, and none beside them"
    assert {name for name, operation in OPERATIONS.items() if operation.permission == "public"} == PUBLIC


def test_every_route_stands_in_the_document(services: dict[str, Service]) -> None:
    routed = {
        f"{method} {route.path}"
        for router in routers(services)
        for route in router.routes
        if isinstance(route, SpineRoute)
        for method in route.methods or ()
    }
    assert routed == set(OPERATIONS)


def test_every_operation_is_described_under_a_name_of_its_own() -> None:
    names = [described(operation)["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    assert [name for name, operation in OPERATIONS.items() if not described(operation).get("description")] == []


@operations(OPERATIONS)
def test_paths_have_their_version(operation: Operation) -> None:
    assert operation.path.startswith("/v1/")


@operations({name: each for name, each in OPERATIONS.items() if each.path_parameters})
def test_what_is_named_by_id_may_not_be_there(operation: Operation) -> None:
    assert "404" in operation.answers


@operations({name: each for name, each in OPERATIONS.items() if "limit" in each.query})
def test_lists_have_cursors_that_may_be_malformed(operation: Operation) -> None:
    assert "cursor" in operation.query
    assert operation.documents(422, "cursor_malformed")


@operations({name: each for name, each in OPERATIONS.items() if "store_id" in {*each.query, *each.path_parameters}})
def test_a_store_that_is_asked_for_may_be_forbidden_or_hidden(operation: Operation) -> None:
    assert operation.documents(403, "store_forbidden") or "404" in operation.answers


@operations({name: each for name, each in OPERATIONS.items() if each.method in ("PUT", "PATCH")})
def test_edits_name_their_version(operation: Operation) -> None:
    versioned = operation.documents(428, "if_match_required") and operation.documents(412, "version_stale")
    assert versioned != (operation.name in UNVERSIONED)


@operations(OPERATIONS)
def test_a_key_is_required_where_a_repeat_would_do_harm(operation: Operation) -> None:
    orders = operation.path == "/v1/orders" or operation.path.endswith(("/payments", "/refunds"))
    harmful = operation.method == "POST" and (operation.batch or orders) and operation.name not in READS_BY_POST
    assert (operation.idempotency == "required") == harmful


@operations({name: each for name, each in OPERATIONS.items() if each.media_type})
def test_bodies_that_hold_a_secret_are_never_kept(operation: Operation) -> None:
    assert (operation.idempotency == "never") == holds_secret(operation)


def holds_secret(operation: Operation) -> bool:
    """Whether a body or an answer has a field that the schema calls a password, or one that holds a key or token."""
    return bool(re.search(r'"format": "password"|"(api_key|access_token)": \{', schema_text(described(operation))))


def described(operation: Operation) -> dict[str, Any]:
    return DOCUMENT["paths"][operation.path][operation.method.lower()]


def schema_text(part: dict[str, Any]) -> str:
    """A part of the document with every schema that it leads to, as text."""
    texts, seen = [json.dumps(part)], set[str]()
    while wanted := set(re.findall(r"#/components/schemas/(\w+)", texts[-1])) - seen:
        seen |= wanted
        texts.append(" ".join(json.dumps(DOCUMENT["components"]["schemas"][name]) for name in sorted(wanted)))
    return " ".join(texts)
