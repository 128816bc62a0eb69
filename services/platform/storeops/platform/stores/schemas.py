"""Bodies and answers about brands and stores."""

from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, Field, model_validator

from storeops.common.http.bodies import CURRENCY, NAME, Body
from storeops.common.money import MINOR_DIGITS
from storeops.platform.stores.models import Brand, Store

BRAND_ID = Annotated[str, Field(pattern=r"^brd_[0-9a-f]{32}$", examples=["brd_0193c6f2b7e07d3c8f4e5a6b7c8d9e0f"])]


@cache
def known_zones() -> frozenset[str]:
    """The zones of the IANA database on this machine."""
    return frozenset(available_timezones())


def known_zone(name: str) -> str:
    """The name of a time zone; raises `ValueError` when there is no such zone."""
    if name not in known_zones():
        message = "an IANA time zone, such as Asia/Shanghai"
        raise ValueError(message)
    return name


def known_currency(code: str) -> str:
    """A currency that this system can count in; raises `ValueError` for others."""
    if code not in MINOR_DIGITS:
        message = f"one of {', '.join(sorted(MINOR_DIGITS))}"
        raise ValueError(message)
    return code


TimeZone = Annotated[str, Field(max_length=64, examples=["Asia/Shanghai"]), AfterValidator(known_zone)]
Currency = Annotated[CURRENCY, AfterValidator(known_currency)]


class Channel(StrEnum):
    """Where a store sells."""

    TAOBAO = "taobao"
    TMALL = "tmall"
    JD = "jd"
    DOUYIN = "douyin"
    OWN = "own"


class CreateBrand(Body):
    """A new brand."""

    name: NAME


class BrandRead(BaseModel):
    """A brand."""

    brand_id: str
    name: str
    created_at: datetime

    @classmethod
    def of(cls, brand: Brand) -> Self:
        """The brand as it is shown."""
        return cls(brand_id=brand.brand_id, name=brand.name, created_at=brand.created_at)


class OpenStore(Body):
    """A new store. Channel and currency stay as they are for ever: orders and figures stand on them."""

    brand_id: BRAND_ID
    name: NAME
    channel: Channel
    time_zone: TimeZone = "Asia/Shanghai"
    """Its days and weeks are those of this zone (REP-10)."""
    currency: Currency = "CNY"


class ChangeStore(Body):
    """What to change; what is not named stays."""

    name: NAME | None = None
    time_zone: TimeZone | None = None

    @model_validator(mode="after")
    def changes_something(self) -> Self:
        """Refuse an edit that names nothing."""
        if self.name is None and self.time_zone is None:
            message = "name or time_zone"
            raise ValueError(message)
        return self


class StoreRead(BaseModel):
    """A store. `version` is also its ETag."""

    store_id: str
    brand_id: str
    name: str
    channel: Channel
    time_zone: str
    currency: str
    opened_at: datetime
    version: int

    @classmethod
    def of(cls, store: Store) -> Self:
        """The store as it is shown."""
        return cls(
            store_id=store.store_id,
            brand_id=store.brand_id,
            name=store.name,
            channel=Channel(store.channel),
            time_zone=store.time_zone,
            currency=store.currency,
            opened_at=store.opened_at,
            version=store.version,
        )
