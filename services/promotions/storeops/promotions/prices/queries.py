"""Reads of the ledger of price changes."""

from collections.abc import Sequence

from sqlmodel import col, select

from storeops.common.db import ReadSession
from storeops.promotions.prices.models import PriceHistory


async def list_price_changes(
    session: ReadSession, listing_id: str, *, before: int | None, limit: int
) -> Sequence[PriceHistory]:
    """Up to `limit` changes of a listing's price, the newest first, from before version `before` on."""
    wanted = select(PriceHistory).where(PriceHistory.listing_id == listing_id)
    if before is not None:
        wanted = wanted.where(col(PriceHistory.version) < before)
    orm = await session.orm()
    return (await orm.exec(wanted.order_by(col(PriceHistory.version).desc()).limit(limit))).all()
