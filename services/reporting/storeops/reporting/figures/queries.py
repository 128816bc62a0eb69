"""Reads figures out of facts. The day rows and the list behind a figure are one relation, summed or shown."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from itertools import dropwhile, islice

import orjson
from asyncpg import Record

from storeops.common.db import ReadSession
from storeops.reporting.facts.errors import StoreNotFound
from storeops.reporting.facts.queries import stores_of
from storeops.reporting.figures.errors import FigureUnknown, PeriodInvalid
from storeops.reporting.figures.rules import (
    FIGURES,
    PAID,
    DayRow,
    Entry,
    Figure,
    Labelled,
    ProductRow,
    Provider,
    Source,
    Store,
    Values,
)

LONGEST = 400
"""Days of a period."""

SCOPED = """
WITH scoped AS (
    SELECT store_id, time_zone, $4::text AS labelled, $2::date::timestamp AT TIME ZONE time_zone AS low,
        ($3::date + 1)::timestamp AT TIME ZONE time_zone AS high
    FROM reporting.store_fact WHERE store_id = ANY($1::text[])
)
"""


async def stores_asked(session: ReadSession, store_id: str | None) -> list[Store]:
    """The store asked for, or every store of the caller.

    Raises `StoreForbidden` (403) for a store outside the caller's scope, `StoreNotFound` (404) for an unknown one.
    """
    if store_id is None:
        return [Store(*row) for row in await stores_of(session, session.scope.stores)]
    session.scope.require_store(store_id)
    rows = await stores_of(session, [store_id])
    if not rows:
        message = f"no store {store_id}"
        raise StoreNotFound(message)
    return [Store(*row) for row in rows]


async def list_days(
    session: ReadSession,
    stores: Sequence[Store],
    *,
    first: date,
    last: date,
    labelled: Labelled,
    limit: int,
    after: tuple[date, str] | None,
) -> list[DayRow]:
    """Up to `limit` + 1 days of these stores, by day and store. Raises `PeriodInvalid` (422)."""
    require_period(first, last)
    places = islice(dropwhile(lambda p: after is not None and p <= after, grid(stores, first, last)), limit + 1)
    wanted = list(places)
    if not wanted:
        return []
    begin, end = wanted[0][0], wanted[-1][0]
    values = await figures_of(session, stores, first=begin - timedelta(days=1), last=end, labelled=labelled)
    providers = await providers_of(session, stores, first=begin, last=end)
    by_id = {store.store_id: store for store in stores}
    return [
        DayRow(
            by_id[store_id],
            day,
            values.get((store_id, day)) or dict.fromkeys(FIGURES, 0),
            values.get((store_id, day - timedelta(days=1))) or dict.fromkeys(FIGURES, 0),
            providers.get((store_id, day), []),
        )
        for day, store_id in wanted
    ]


async def sum_period(
    session: ReadSession, stores: Sequence[Store], *, first: date, last: date, labelled: Labelled
) -> list[tuple[Store, Values]]:
    """The figures of each store over a period taken as one: a buyer who came on two days counts once.

    Raises `PeriodInvalid` (422).
    """
    require_period(first, last)
    values = await figures_of(session, stores, first=first, last=last, labelled=labelled, whole=True)
    return [(store, values.get((store.store_id, first)) or dict.fromkeys(FIGURES, 0)) for store in stores]


async def figures_of(
    session: ReadSession, stores: Sequence[Store], *, first: date, last: date, labelled: Labelled, whole: bool = False
) -> dict[tuple[str, date], Values]:
    """Figures by store and day, or with `whole` by store and the period's first day; empty days are left out."""
    rows = await session.fetch(sums(whole=whole), [store.store_id for store in stores], first, last, labelled.value)
    found: dict[tuple[str, date], Values] = {}
    for store_id, day, part in rows:
        values = found.setdefault((store_id, day), dict.fromkeys(FIGURES, 0))
        values.update(orjson.loads(part))
    return found


async def providers_of(
    session: ReadSession, stores: Sequence[Store], *, first: date, last: date
) -> dict[tuple[str, date], list[Provider]]:
    """What each provider says of each day's traffic, the one that handed in last first."""
    rows = await session.fetch(
        "SELECT store_id, day, provider, sum(visitors)::bigint, sum(page_views)::bigint FROM reporting.traffic_fact "
        "WHERE store_id = ANY($1::text[]) AND day BETWEEN $2 AND $3 "
        "GROUP BY store_id, day, provider ORDER BY store_id, day, max(sequence) DESC",
        [store.store_id for store in stores],
        first,
        last,
    )
    found: dict[tuple[str, date], list[Provider]] = {}
    for store_id, day, *provider in rows:
        found.setdefault((store_id, day), []).append(Provider(*provider))
    return found


async def list_entries(
    session: ReadSession,
    figure: Figure,
    *,
    store_id: str,
    day: date,
    labelled: Labelled,
    limit: int,
    after: tuple[datetime, str] | None,
) -> tuple[int, list[Entry]]:
    """What a day's figure is made of: its sum, and up to `limit` + 1 rows by instant."""
    relation = (
        f"{SCOPED} , entry AS (SELECT {figure.source.order} AS order_id, {figure.source.ref} AS ref, "
        f"{figure.source.at} AS at, {figure.source.key} AS key, coalesce({figure.value}, 0)::bigint AS value "
        f"FROM ({rows_of(figure.source)}) AS f WHERE {figure.when})"
    )
    asked = ([store_id], day, day, labelled.value)
    total: int = await session.fetchval(f"{relation} SELECT coalesce(sum(value), 0)::bigint FROM entry", *asked)
    rows = await session.fetch(
        f"{relation} SELECT order_id, ref, at, key, value FROM entry "
        "WHERE $5::timestamptz IS NULL OR (at, key) > ($5, $6::text) ORDER BY at, key LIMIT $7",
        *asked,
        *(after or (None, None)),
        limit + 1,
    )
    return total, [Entry(*row) for row in rows]


async def list_products(
    session: ReadSession, *, store_id: str, day: date, labelled: Labelled, limit: int, after: str | None
) -> list[ProductRow]:
    """Up to `limit` + 1 SKUs of the orders paid on a day; their sales sum to the day's."""
    rows: list[Record] = await session.fetch(
        f"{SCOPED} SELECT l.sku, count(DISTINCT l.order_id), sum(l.quantity), sum(l.net)::bigint "
        f"FROM ({rows_of(PAID)}) AS f JOIN reporting.order_line_fact AS l ON l.order_id = f.order_id "
        "WHERE $5::text IS NULL OR l.sku > $5 GROUP BY l.sku ORDER BY l.sku LIMIT $6",
        [store_id],
        day,
        day,
        labelled.value,
        after,
        limit + 1,
    )
    return [ProductRow(*row) for row in rows]


def require_period(first: date, last: date) -> None:
    """Refuse a period that ends before it begins or is too long."""
    if not timedelta() <= last - first < timedelta(days=LONGEST):
        message = f"the period from {first} to {last} is not 1 to {LONGEST} days long"
        errors = [{"pointer": "/query/to", "value": str(last), "expected": f"from {first}, at most {LONGEST} days on"}]
        raise PeriodInvalid(message, errors=errors)


def require_figure(name: str) -> Figure:
    """The figure of that name; raises `FigureUnknown` (422)."""
    if name not in FIGURES:
        errors = [{"pointer": "/query/figure", "value": name, "expected": f"one of {', '.join(FIGURES)}"}]
        message = f"no figure {name!r}"
        raise FigureUnknown(message, errors=errors)
    return FIGURES[name]


def grid(stores: Sequence[Store], first: date, last: date) -> Iterator[tuple[date, str]]:
    """Every day of every store, by day and store."""
    for n in range((last - first).days + 1):
        for store in stores:
            yield first + timedelta(days=n), store.store_id


def rows_of(source: Source, *, whole: bool = False) -> str:
    """The rows of a source in the period, each with the day (or with `whole` the period) that it counts for."""
    day = "$2::date" if whole else source.day
    labels = "true" if source.synthetic is None else (
        f"(s.labelled = 'include' OR {source.synthetic} = (s.labelled = 'only'))"
    )  # fmt: skip
    return (
        f"SELECT f.*, {day} AS bucket, {day}::timestamp AT TIME ZONE s.time_zone AS day_start"
        f"{source.more.format(day=day)} FROM scoped AS s JOIN reporting.{source.table} AS f "
        f"ON f.store_id = s.store_id AND {source.within} WHERE {labels}"
    )


@cache
def sums(*, whole: bool) -> str:
    """The statement that sums every figure, one scan a source."""
    by_source: dict[Source, list[str]] = {}
    for name, figure in FIGURES.items():
        by_source.setdefault(figure.source, []).append(
            f"'{name}', coalesce(sum({figure.value}) FILTER (WHERE {figure.when}), 0)"
        )
    return SCOPED + " UNION ALL ".join(
        f"SELECT store_id, bucket, jsonb_build_object({', '.join(parts)})::text "
        f"FROM ({rows_of(source, whole=whole)}) AS f GROUP BY store_id, bucket"
        for source, parts in by_source.items()
    )
