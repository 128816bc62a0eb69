"""Optimistic edits: a version in ETag, asked back by If-Match."""

from fastapi import Request, Response

from storeops.common.errors import PreconditionFailed, PreconditionRequired


class IfMatchRequired(PreconditionRequired):
    """The edit must name the version it is based on."""


class VersionStale(PreconditionFailed):
    """The thing changed since that version."""


def set_etag(response: Response, version: int) -> None:
    """Name the version of what is answered."""
    response.headers["etag"] = f'"v{version}"'


def require_match(request: Request, version: int) -> None:
    """Refuse an edit without If-Match (428) or of another version than the present one (412)."""
    given = request.headers.get("if-match")
    if given is None:
        message = "send If-Match with the ETag that you read"
        raise IfMatchRequired(message)
    if given.strip() not in (f'"v{version}"', "*"):
        message = f'If-Match is {given[:60]}, the present version is "v{version}"'
        raise VersionStale(message)
