"""Table of campaigns."""

from datetime import datetime

from sqlmodel import Field

from storeops.promotions.base import INSTANT, MINORS, SKUS, Base


class Campaign(Base, table=True):
    """Spend X, get Y off in one store (满减); amounts in minor units of `currency`."""

    campaign_id: str = Field(primary_key=True)
    store_id: str
    kind: str
    name: str
    currency: str
    thresholds: list[int] = Field(sa_type=MINORS)
    """Ascending; `offs` holds what each of them gives."""
    offs: list[int] = Field(sa_type=MINORS)
    skus: list[str] | None = Field(sa_type=SKUS)
    """The SKUs that take part; null: all of the store."""
    starts_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    created_by: str
    created_at: datetime = Field(sa_type=INSTANT)
    ended_by: str | None
    """Who ended it before its time."""
    ended_at: datetime | None = Field(sa_type=INSTANT)
