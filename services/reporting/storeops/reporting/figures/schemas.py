"""What the figures endpoints answer. Money is a decimal string in the store's currency (REP-10)."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from storeops.common.http.pages import Page
from storeops.common.money import to_decimal
from storeops.reporting.figures.rules import (
    FIGURES,
    RATES,
    DayRow,
    Entry,
    ProductRow,
    Store,
    Unit,
    Values,
    rate,
    rounded,
    trace_gap,
)

Amount = Annotated[str, Field(examples=["4187.40"])]
RATE_DIGITS = 4


def shown(figure: str, value: int, currency: str) -> int | str:
    """A figure as it leaves: a number, or money as a decimal string."""
    return to_decimal(value, currency) if FIGURES[figure].unit is Unit.MONEY else value


def money_of(minor: Fraction, currency: str) -> str:
    """An exact amount in minor units, rounded to whole ones, as a decimal string."""
    return to_decimal(rounded(minor), currency)


def share_of(value: Fraction) -> str:
    """A share, rounded to four digits after the point."""
    return str(Decimal(rounded(value * 10**RATE_DIGITS)).scaleb(-RATE_DIGITS))


class FigureValues(BaseModel):
    """The figures of a store and day; `GET /v1/figures/definitions` says what each one counts."""

    orders: int
    order_amount: Amount
    orders_turned_paid: int
    paid_orders: int
    buyers: int
    repeat_buyers: int
    paid_amount: Amount
    gross_amount: Amount
    discounts: Amount
    sales: Amount
    ship_due: int
    shipped_in_time: int
    late: int
    late_excused: int
    late_in_rush: int
    breached: int
    shipped: int
    held: int
    cancelled: int
    expired: int
    refunds: int
    refund_amount: Amount
    tickets_opened: int
    tickets_settled: int
    tickets_settled_in_time: int
    stock_outs: int
    restocks: int
    delistings: int
    relistings: int
    visitors: int
    page_views: int

    @classmethod
    def of(cls, values: Values, currency: str) -> Self:
        """The figures with their money written out."""
        return cls.model_validate({name: shown(name, values[name], currency) for name in FIGURES})


class RateRead(BaseModel):
    """A rate: the two figures it is made of, exactly, and its value, rounded; null with nothing to divide by."""

    numerator: int | str
    denominator: int | str
    value: str | None

    @classmethod
    def of(cls, name: str, values: Values, currency: str) -> Self:
        """The rate of that name; money per piece is written as money, all else with four digits."""
        above, below = RATES[name].numerator, RATES[name].denominator
        exact = rate(name, values)
        money = FIGURES[above].unit is Unit.MONEY and FIGURES[below].unit is Unit.COUNT
        return cls(
            numerator=shown(above, values[above], currency),
            denominator=shown(below, values[below], currency),
            value=None if exact is None else money_of(exact, currency) if money else share_of(exact),
        )


class RateValues(BaseModel):
    """The rates of a store and day; `GET /v1/figures/definitions` says what each one divides."""

    payment_rate: RateRead
    conversion: RateRead
    average_order_value: RateRead
    sales_per_order: RateRead
    repeat_rate: RateRead
    refund_rate: RateRead
    ship_in_time_rate: RateRead
    settled_in_time_rate: RateRead

    @classmethod
    def of(cls, values: Values, currency: str) -> Self:
        """Every rate of these figures."""
        return cls.model_validate({name: RateRead.of(name, values, currency) for name in RATES})


class SalesFormula(BaseModel):
    """sales = visitors × conversion × average order value (REP-1), with exact factors."""

    visitors: int
    conversion: RateRead
    average_order_value: RateRead
    product: Amount
    equals_sales: bool

    @classmethod
    def of(cls, values: Values, currency: str) -> Self | None:
        """The formula with its product; None on a day without visitors or buyers."""
        conversion, value = rate("conversion", values), rate("average_order_value", values)
        if conversion is None or value is None:
            return None
        product = values["visitors"] * conversion * value
        return cls(
            visitors=values["visitors"],
            conversion=RateRead.of("conversion", values, currency),
            average_order_value=RateRead.of("average_order_value", values, currency),
            product=money_of(product, currency),
            equals_sales=product == values["sales"],
        )


class GapRead(BaseModel):
    """How sales differ from the day before and by which factor of REP-1; the parts sum to the difference."""

    sales: Amount
    by_visitors: Amount
    by_conversion: Amount
    by_average_order_value: Amount


class ProviderRead(BaseModel):
    """What one provider says of the day's traffic; one is counted, the others stand beside it."""

    provider: str
    visitors: int
    page_views: int
    counted: bool
    visitors_difference: int
    """Its visitors less those of the provider that is counted."""


class DayFigures(BaseModel):
    """A store's day in its own time zone."""

    store_id: str
    day: date
    currency: str
    figures: FigureValues
    rates: RateValues
    formula: SalesFormula | None
    gap: GapRead | None
    traffic: list[ProviderRead]

    @classmethod
    def of(cls, row: DayRow) -> Self:
        """The day as it leaves."""
        currency = row.store.currency
        gap = trace_gap(row.before, row.values)
        return cls(
            store_id=row.store.store_id,
            day=row.day,
            currency=currency,
            figures=FigureValues.of(row.values, currency),
            rates=RateValues.of(row.values, currency),
            formula=SalesFormula.of(row.values, currency),
            gap=None if gap is None else GapRead(**{k: to_decimal(v, currency) for k, v in gap._asdict().items()}),
            traffic=[
                ProviderRead(
                    **provider._asdict(),
                    counted=n == 0,
                    visitors_difference=provider.visitors - row.providers[0].visitors,
                )
                for n, provider in enumerate(row.providers)
            ],
        )


class PeriodFigures(BaseModel):
    """Figures over a period, taken as one: a buyer who came on two days counts once."""

    currency: str
    figures: FigureValues
    rates: RateValues
    formula: SalesFormula | None


def parts_of(values: Values, currency: str) -> dict[str, Any]:
    """What a period's figures are shown with."""
    return {
        "currency": currency,
        "figures": FigureValues.of(values, currency),
        "rates": RateValues.of(values, currency),
        "formula": SalesFormula.of(values, currency),
    }


class StorePeriod(PeriodFigures):
    """A store's period."""

    store_id: str
    name: str


class Summary(BaseModel):
    """Every store of the caller over a period, and what stores of one currency come to together."""

    stores: list[StorePeriod]
    totals: list[PeriodFigures]

    @classmethod
    def of(cls, periods: Sequence[tuple[Store, Values]]) -> Self:
        """The stores and their totals, a currency each."""
        totals: dict[str, Values] = {}
        for store, values in periods:
            total = totals.setdefault(store.currency, dict.fromkeys(FIGURES, 0))
            total.update({name: total[name] + values[name] for name in FIGURES})
        return cls(
            stores=[
                StorePeriod(store_id=store.store_id, name=store.name, **parts_of(values, store.currency))
                for store, values in periods
            ],
            totals=[PeriodFigures(**parts_of(values, currency)) for currency, values in sorted(totals.items())],
        )


class FigureEntry(BaseModel):
    """A row that a figure is made of."""

    order_id: str | None
    """The order, where there is one."""
    ref: str
    """The order, refund, ticket, SKU, listing, or source and terminal behind the row."""
    at: datetime
    value: int | str
    """The row's part of the figure."""

    @classmethod
    def of(cls, entry: Entry, figure: str, currency: str) -> Self:
        """The row as it leaves."""
        return cls(order_id=entry.order_id, ref=entry.ref, at=entry.at, value=shown(figure, entry.value, currency))


class FigureEntries(Page[FigureEntry]):
    """What a figure is made of; the values of all pages sum to `total` (REP-9)."""

    figure: str
    definition: str
    total: int | str


class ProductFigures(BaseModel):
    """A SKU in the orders paid on a day; the sales of all SKUs sum to the day's."""

    sku: str
    orders: int
    quantity: int
    sales: Amount

    @classmethod
    def of(cls, row: ProductRow, currency: str) -> Self:
        """The product as it leaves."""
        return cls(sku=row.sku, orders=row.orders, quantity=row.quantity, sales=to_decimal(row.sales, currency))


class FigureDefinition(BaseModel):
    """What a figure counts."""

    name: str
    unit: Unit
    definition: str


class RateDefinition(BaseModel):
    """What a rate divides."""

    name: str
    numerator: str
    denominator: str
    definition: str


class Definitions(BaseModel):
    """Every figure and rate, defined once."""

    figures: list[FigureDefinition]
    rates: list[RateDefinition]

    @classmethod
    def of_all(cls) -> Self:
        """What `FIGURES` and `RATES` say."""
        return cls(
            figures=[FigureDefinition(name=n, unit=f.unit, definition=f.definition) for n, f in FIGURES.items()],
            rates=[RateDefinition(name=n, **r._asdict()) for n, r in RATES.items()],
        )
