"""Cursor pages: `{items, next_cursor, has_more}` on every list. A cursor is opaque: the last row's sort key."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar, cast

import orjson
from fastapi import Query
from pydantic import BaseModel

from storeops.common.errors import Invalid

T = TypeVar("T")
R = TypeVar("R")

Limit = Annotated[int, Query(ge=1, le=200, description="Rows of a page.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]


class CursorMalformed(Invalid):
    """The cursor is not one that this list gave out."""


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None
    has_more: bool


def page_of(rows: Sequence[R], limit: int, *, key: Callable[[R], Sequence[Any]], item: Callable[[R], T]) -> Page[T]:
    """A page of `limit` rows out of up to `limit + 1`; `key` is what the list is sorted by."""
    shown, more = rows[:limit], len(rows) > limit
    cursor = encode_cursor(key(shown[-1])) if more else None
    return Page(items=[item(row) for row in shown], next_cursor=cursor, has_more=more)


def encode_cursor(key: Sequence[Any]) -> str:
    """An opaque cursor of a sort key of strings, numbers and datetimes."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def decode_cursor(cursor: str | None, kinds: Sequence[Callable[[Any], Any]]) -> list[Any] | None:
    """The sort key of a cursor, each part read by its kind (`str`, `int`, `datetime.fromisoformat`).

    Raises `CursorMalformed` (422) for anything that this list did not give out.
    """
    if cursor is None:
        return None
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list):
            raise TypeError
        parts = [kind(value) for kind, value in zip(kinds, cast("list[Any]", values), strict=True)]
        if any(isinstance(part, str) and "\0" in part for part in parts):
            raise ValueError
        parts = [in_utc(part) if isinstance(part, datetime) else part for part in parts]
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        message = "the cursor is not one that this list gave out"
        errors = [{"pointer": "/query/cursor", "value": cursor[:200], "expected": "next_cursor of the page before"}]
        raise CursorMalformed(message, errors=errors) from error
    return parts


def in_utc(instant: datetime) -> datetime:
    """The same instant in UTC; raises `ValueError` for one without its offset."""
    if instant.tzinfo is None:
        raise ValueError
    return instant.astimezone(UTC)
