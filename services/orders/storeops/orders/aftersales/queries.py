"""Reads of refunds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from storeops.common.db import ReadSession
from storeops.common.money import to_decimal
from storeops.orders.aftersales.schemas import RefundRead

REFUND = ", ".join(f"r.{name}" for name in RefundRead.model_fields)


async def refunds_of(session: ReadSession, order_id: str) -> list[RefundRead]:
    """The refunds of an order, in order."""
    rows = await session.fetch(
        f"SELECT {REFUND} FROM orders.refund AS r WHERE r.order_id = $1 ORDER BY r.refund_id", order_id
    )
    return [refund_read(dict(row)) for row in rows]


async def list_refunds(
    session: ReadSession, *, stores: Sequence[str] | None, before: tuple[datetime, str] | None, limit: int
) -> list[RefundRead]:
    """Refunds of these stores (None: all), the latest first, up to `limit`."""
    conditions: list[str] = []
    values: list[Any] = []
    if stores is not None:
        values.append(stores)
        conditions.append("r.store_id = ANY($1::text[])")
    if before is not None:
        conditions.append(f"(r.requested_at, r.refund_id) < (${len(values) + 1}, ${len(values) + 2})")
        values += before
    rows = await session.fetch(
        f"SELECT {REFUND} FROM orders.refund AS r WHERE {' AND '.join(conditions) or 'true'} "
        f"ORDER BY r.requested_at DESC, r.refund_id DESC LIMIT {int(limit)}",
        *values,
    )
    return [refund_read(dict(row)) for row in rows]


def refund_read(row: Mapping[str, Any]) -> RefundRead:
    """A refund as it is answered."""
    return RefundRead.model_validate({**row, "amount": to_decimal(row["amount"], row["currency"])})
