"""What a title, a price and a version must be. Pure."""

from unicodedata import east_asian_width

from storeops.common.money import MoneyError, to_minor
from storeops.promotions.listings.errors import CurrencyMismatch, PriceInvalid, TitleTooLong

SYSTEM = "system"
"""Who acts when nobody does: what stock takes off and puts back."""

TITLE_UNITS = 60
"""Half-width units of a title at most: 30 Chinese characters (LST-2)."""


def title_units(title: str) -> int:
    """The width of a title in half-width units; a Chinese, Japanese, Korean or full-width character counts two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in title)


def check_title(title: str, *, pointer: str) -> None:
    """Raise `TitleTooLong` for a title of more than `TITLE_UNITS` (LST-2); `pointer` names the field."""
    units = title_units(title)
    if units > TITLE_UNITS:
        expected = f"at most {TITLE_UNITS} half-width units, where a Chinese character counts two"
        errors = [{"pointer": pointer, "value": title, "expected": expected}]
        raise TitleTooLong(f"the title takes {units} of {TITLE_UNITS} half-width units", errors=errors)


def minor_price(price: str, currency: str | None, *, sold_in: str, pointer: str) -> int:
    """Minor units of a price; `currency` is what the caller said, `sold_in` the store's, `pointer` the body's place.

    Raises `CurrencyMismatch`, or `PriceInvalid` for an amount that the currency does not have and for zero.
    """
    if currency is not None and currency != sold_in:
        errors = [{"pointer": f"{pointer}/currency", "value": currency, "expected": sold_in}]
        raise CurrencyMismatch(f"the store sells in {sold_in}, not in {currency}", errors=errors)
    try:
        minor = to_minor(price, sold_in)
    except MoneyError as error:
        errors = [{"pointer": f"{pointer}/price", "value": price, "expected": f"an amount of {sold_in}"}]
        raise PriceInvalid(str(error), errors=errors) from error
    if minor == 0:
        errors = [{"pointer": f"{pointer}/price", "value": price, "expected": "more than nothing"}]
        raise PriceInvalid("a listing's price is more than nothing", errors=errors)
    return minor


def version_of(value: object) -> int:
    """A listing's version out of a page's cursor; raises `ValueError` for what no listing has."""
    if type(value) is not int or not 0 < value < 2**31:
        raise ValueError(f"{value!r} is no version")
    return value
