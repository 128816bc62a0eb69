"""Every operation of the whole API, read from the OpenAPI document that is served."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from storeops.common import sandbox
from storeops.common.http.application import build_application, openapi_of
from storeops.common.service import installed_services

Schema = dict[str, Any]

SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""


class Operation(NamedTuple):
    """One method of one path, as it is documented."""

    method: str
    path: str
    permission: str
    """`public`, or a permission."""
    idempotency: str
    """`required`, `honoured` or `never`."""
    path_parameters: tuple[str, ...]
    query: Mapping[str, bool]
    """Query parameters, and whether each is required."""
    media_type: str | None
    """Of the body; None for an operation without one."""
    body_required: bool
    answers: Mapping[str, str]
    """Documented statuses with their descriptions, which name the codes of problems."""

    @property
    def name(self) -> str:
        """`POST /v1/orders`."""
        return f"{self.method} {self.path}"

    @property
    def batch(self) -> bool:
        """Whether it answers for each item by itself."""
        return ":" in self.path

    def documents(self, status: int, code: str) -> bool:
        """Whether a problem's code stands under its status."""
        return f"`{code}`" in self.answers.get(str(status), "")


def read_document() -> Schema:
    """The document of all services in one process, the sandbox clock included."""
    app = build_application(list(installed_services().values()), None)
    app.include_router(sandbox.router)
    return openapi_of(app)


def read_operations(document: Schema) -> dict[str, Operation]:
    """Every operation of a document by name."""
    found = [
        operation_of(method.upper(), path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]
    return {operation.name: operation for operation in found}


def operation_of(method: str, path: str, described: Schema) -> Operation:
    body = described.get("requestBody", {})
    return Operation(
        method=method,
        path=path,
        permission=described["x-permission"],
        idempotency=described["x-idempotency"],
        path_parameters=tuple(re.findall(r"{(\w+)}", path)),
        query={
            parameter["name"]: parameter.get("required", False)
            for parameter in described.get("parameters", [])
            if parameter["in"] == "query"
        },
        media_type=next(iter(body.get("content", {})), None),
        body_required=body.get("required", False),
        answers={status: answer["description"] for status, answer in described["responses"].items()},
    )


DOCUMENT = read_document()
OPERATIONS = read_operations(DOCUMENT)

UNVERSIONED = {"PUT /v1/warning-levels/{store_id}": "each SKU's level stands for itself, whatever it was before"}
"""Edits that need no If-Match, and why."""
