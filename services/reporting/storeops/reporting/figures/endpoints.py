"""Figures over HTTP: days, what a day's figure is made of, products, a period, and what each figure means."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from storeops.common.auth.permissions import Permission
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.reporting.facts.errors import StoreNotFound
from storeops.reporting.figures import queries
from storeops.reporting.figures.errors import FigureUnknown, PeriodInvalid
from storeops.reporting.figures.rules import Labelled
from storeops.reporting.figures.schemas import (
    DayFigures,
    Definitions,
    FigureEntries,
    FigureEntry,
    ProductFigures,
    Summary,
    shown,
)
from storeops.reporting.sessions import Read

router = ServiceRouter("reporting", tags=["figures"])

STORE = r"^sto_[0-9a-f]{32}$"

StorePath = Annotated[str, Path(pattern=STORE)]
StoreFilter = Annotated[str | None, Query(pattern=STORE, description="One store; every store of the caller if absent.")]
PlausibleDay = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
Day = Annotated[PlausibleDay, Path(description="A day in the store's time zone.")]
From = Annotated[PlausibleDay, Query(alias="from", description="First day, in each store's time zone.")]
To = Annotated[PlausibleDay, Query(alias="to", description="Last day, itself included.")]
Synthetic = Annotated[Labelled, Query(description="Whether orders labelled `synthetic` are in the figures.")]


def instant_of(text: str) -> datetime:
    """An instant of a cursor; raises `ValueError` for one without its offset."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError
    return instant


@router.endpoint("GET", "/v1/figures/definitions", permission=Permission.FIGURES_READ)
async def list_definitions(_session: Read) -> Definitions:
    """What each figure counts and each rate divides, in one sentence each."""
    return Definitions.of_all()


@router.endpoint(
    "GET",
    "/v1/figures/days",
    permission=Permission.FIGURES_READ,
    errors=[StoreForbidden, StoreNotFound, PeriodInvalid, CursorMalformed],
)
async def list_day_figures(
    session: Read,
    *,
    first: From,
    last: To,
    store_id: StoreFilter = None,
    synthetic: Synthetic = Labelled.INCLUDE,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DayFigures]:
    """The day table (REP-2): a row per day and store, days without anything included; at most 400 days."""
    after = decode_cursor(cursor, [date.fromisoformat, str])
    rows = await queries.list_days(
        session,
        await queries.stores_asked(session, store_id),
        first=first,
        last=last,
        labelled=synthetic,
        limit=limit,
        after=(after[0], after[1]) if after else None,
    )
    return page_of(rows, limit, key=lambda row: (row.day, row.store.store_id), item=DayFigures.of)


@router.endpoint(
    "GET",
    "/v1/figures/days/{store_id}/{day}/orders",
    permission=Permission.FIGURES_READ,
    errors=[StoreForbidden, StoreNotFound, FigureUnknown, CursorMalformed],
)
async def open_figure(
    session: Read,
    *,
    store_id: StorePath,
    day: Day,
    figure: Annotated[str, Query(max_length=64, description="A figure's name, such as `sales`.", examples=["sales"])],
    synthetic: Synthetic = Labelled.INCLUDE,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> FigureEntries:
    """What a day's figure is made of, oldest first: its orders, or for stock, shelf and traffic their rows (REP-9)."""
    [store] = await queries.stores_asked(session, store_id)
    definition = queries.require_figure(figure)
    after = decode_cursor(cursor, [instant_of, str])
    total, entries = await queries.list_entries(
        session,
        definition,
        store_id=store_id,
        day=day,
        labelled=synthetic,
        limit=limit,
        after=(after[0], after[1]) if after else None,
    )
    page = page_of(
        entries,
        limit,
        key=lambda entry: (entry.at, entry.key),
        item=lambda entry: FigureEntry.of(entry, figure, store.currency),
    )
    return FigureEntries(
        figure=figure,
        definition=definition.definition,
        total=shown(figure, total, store.currency),
        items=page.items,
        next_cursor=page.next_cursor,
        has_more=page.has_more,
    )


@router.endpoint(
    "GET",
    "/v1/figures/days/{store_id}/{day}/products",
    permission=Permission.FIGURES_READ,
    errors=[StoreForbidden, StoreNotFound, CursorMalformed],
)
async def list_product_figures(
    session: Read,
    *,
    store_id: StorePath,
    day: Day,
    synthetic: Synthetic = Labelled.INCLUDE,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ProductFigures]:
    """The day's sales by SKU: the lines of the orders paid that day."""
    [store] = await queries.stores_asked(session, store_id)
    after = decode_cursor(cursor, [str])
    rows = await queries.list_products(
        session, store_id=store_id, day=day, labelled=synthetic, limit=limit, after=after[0] if after else None
    )
    return page_of(rows, limit, key=lambda row: (row.sku,), item=lambda row: ProductFigures.of(row, store.currency))


@router.endpoint(
    "GET",
    "/v1/figures/summary",
    permission=Permission.FIGURES_READ,
    errors=[StoreForbidden, StoreNotFound, PeriodInvalid],
)
async def read_summary(
    session: Read, *, first: From, last: To, store_id: StoreFilter = None, synthetic: Synthetic = Labelled.INCLUDE
) -> Summary:
    """A period taken as one, for each store and for all stores of a currency together; at most 400 days."""
    stores = await queries.stores_asked(session, store_id)
    return Summary.of(await queries.sum_period(session, stores, first=first, last=last, labelled=synthetic))
