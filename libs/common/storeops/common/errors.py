"""Typed failures of use cases.

DomainError                 what the caller can understand and mend; has a status and a stable code
├── Invalid          422    the request makes no sense as it stands
├── NotFound         404    nothing there, or nothing there for this caller
├── Conflict         409    the thing's present state does not allow it
├── Unauthenticated  401    no valid token
├── Forbidden        403    the caller may not
├── PreconditionFailed 412  the caller looked at an older version
├── PreconditionRequired 428  the caller must say which version it looked at
├── TooLarge         413    the body is larger than the limit
└── Unavailable      503    something that is needed does not answer; try again

A service subclasses these with the condition as the name; the wire code is that name in snake case.
Errors know status numbers but no web framework.
"""

import re
from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal with a status, a stable code and the facts that explain it."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Refused"

    def __init__(self, detail: str, *, errors: list[dict[str, Any]] | None = None, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []
        self.facts = facts

    @classmethod
    def code(cls) -> str:
        """The stable wire code: the class name in snake case."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()


class Invalid(DomainError):
    """The request makes no sense as it stands; `errors` name field, value and what was expected."""

    status = 422
    title = "Invalid request"


class NotFound(DomainError):
    """Nothing there, or nothing that this caller may see."""

    status = 404
    title = "Not found"


class Conflict(DomainError):
    """The present state does not allow it."""

    status = 409
    title = "Conflict"


class Unauthenticated(DomainError):
    """No token, or one that is not valid."""

    status = 401
    title = "Not signed in"


class Forbidden(DomainError):
    """The caller is known and may not."""

    status = 403
    title = "Not allowed"


class PreconditionFailed(DomainError):
    """The caller looked at an older version of the thing."""

    status = 412
    title = "Changed since you looked"


class PreconditionRequired(DomainError):
    """An edit must name the version that it was based on, by If-Match."""

    status = 428
    title = "If-Match required"


class TooLarge(DomainError):
    """The body is larger than the limit."""

    status = 413
    title = "Too large"


class Unavailable(DomainError):
    """Something that is needed does not answer; the same request may succeed later."""

    status = 503
    title = "Unavailable"
