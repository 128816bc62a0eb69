"""Money: integer minor units and a currency; never a float (REP-10). Spreading is exact to the cent (PRM-2)."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import Field

MINOR_DIGITS = {"CNY": 2, "USD": 2, "EUR": 2, "GBP": 2, "HKD": 2, "TWD": 2, "SGD": 2, "JPY": 0, "KRW": 0}
"""Currencies a store may use, with the digits after their decimal point (ISO 4217)."""

MAX_MINOR = 10**14
"""No amount in this system reaches a trillion; what does is a mistake of the caller."""

Minor = Annotated[int, Field(ge=0, lt=MAX_MINOR)]
"""An amount in minor units, not negative."""


class MoneyError(ValueError):
    """An amount that is no money of its currency: too many digits, too large, or not a number."""


def to_minor(amount: str | Decimal, currency: str) -> int:
    """Minor units of a decimal amount: `to_minor("12.34", "CNY") == 1234`.

    Raises `MoneyError` when the amount has more digits than the currency, is not finite or is absurdly large.
    """
    digits = MINOR_DIGITS.get(currency)
    if digits is None:
        message = f"currency {currency!r} is none of {', '.join(sorted(MINOR_DIGITS))}"
        raise MoneyError(message)
    try:
        scaled = Decimal(amount).scaleb(digits)
    except InvalidOperation as error:
        message = f"amount {amount!r} is not a decimal number"
        raise MoneyError(message) from error
    if not scaled.is_finite() or abs(scaled) >= MAX_MINOR or scaled != scaled.to_integral_value():
        message = f"amount {amount} is no amount of {currency} with at most {digits} digits after the point"
        raise MoneyError(message)
    return int(scaled)


def to_decimal(minor: int, currency: str) -> str:
    """The decimal string of minor units: `to_decimal(1234, "CNY") == "12.34"`."""
    digits = MINOR_DIGITS[currency]
    if digits == 0:
        return str(minor)
    sign = "-" if minor < 0 else ""
    whole, part = divmod(abs(minor), 10**digits)
    return f"{sign}{whole}.{part:0{digits}d}"


def spread(total: int, weights: Sequence[int]) -> list[int]:
    """Shares of `total` in proportion to `weights`, summing to it exactly (largest remainder, PRM-2).

    Ties go to the earlier share. All weights zero spreads evenly. Raises `ValueError` on a negative weight or total,
    or when there is nothing to spread over.
    """
    if total < 0 or any(weight < 0 for weight in weights):
        message = f"cannot spread {total} over {list(weights)}: negative"
        raise ValueError(message)
    if not weights:
        if total:
            message = f"cannot spread {total} over nothing"
            raise ValueError(message)
        return []
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    shares = [total * weight // whole for weight in weights]
    left = total - sum(shares)
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[:left]:
        shares[i] += 1
    return shares
