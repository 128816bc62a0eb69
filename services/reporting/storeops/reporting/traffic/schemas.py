"""What the traffic endpoints take and answer."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from storeops.common.http.bodies import STORE_ID, Body, ItemResult

MOST_ITEMS = 500
NUMBER = Annotated[int, Field(ge=0, le=1_000_000_000)]


class TrafficSource(StrEnum):
    """Where visitors came from (REP-2)."""

    SEARCH = "search"
    PAY_PER_CLICK = "pay_per_click"
    DISPLAY = "display"
    AFFILIATE = "affiliate"
    GROUP_BUY = "group_buy"
    RETURNING = "returning"
    OFF_SITE = "off_site"


class Terminal(StrEnum):
    """What visitors came with."""

    PC = "pc"
    MOBILE = "mobile"


class TrafficItem(Body):
    """Visitors and page views of one store, day, source and terminal, as one provider counts them."""

    store_id: STORE_ID
    day: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31), description="In the store's time zone.")]
    source: TrafficSource
    terminal: Terminal
    visitors: NUMBER
    page_views: NUMBER
    provider: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$", examples=["sycm"])]
    """Who says so; `synthetic` marks seeded figures."""


class RecordTraffic(Body):
    """Up to 500 figures; a later one for the same store, day, source, terminal and provider replaces the earlier."""

    items: Annotated[list[TrafficItem], Field(min_length=1, max_length=MOST_ITEMS)]


class RecordedTraffic(BaseModel):
    """What became of each figure: 202 taken, and in the day table as soon as its event is read; or why not."""

    items: list[ItemResult]


class RowError(BaseModel):
    """What is wrong with a field of a row."""

    field: str
    value: str | None
    expected: str


class RejectedRow(BaseModel):
    """A row of an import that was not taken, as it was given."""

    line: int
    """Line of the file, from 1; the header is line 1."""
    values: dict[str, str]
    errors: list[RowError]


class TrafficImported(BaseModel):
    """What became of an import: every row was taken or is named here."""

    recorded: int
    rejected: list[RejectedRow]
