"""Books goods that came in and corrections. Acts for a request, which sees only the stores of its caller: whom else
a change concerns is looked after by a timer that is due at once.
"""

from collections.abc import Sequence

from storeops.common.db import WriteSession
from storeops.common.ids import new_id
from storeops.inventory.stock.commands.backorders import settle_later
from storeops.inventory.stock.commands.checks import require_skus
from storeops.inventory.stock.commands.levels import Move, move, open_levels
from storeops.inventory.stock.errors import ReceiptDiffers, StockInsufficient
from storeops.inventory.stock.queries.levels import find_receipt, get_level, lock_levels
from storeops.inventory.stock.queries.warehouses import get_warehouse
from storeops.inventory.stock.rules import LevelKey
from storeops.inventory.stock.schemas import AdjustmentRead, NewAdjustment, NewReceipt, ReceiptRead


async def receive_goods(session: WriteSession, new: NewReceipt) -> tuple[ReceiptRead, bool]:
    """Book a receipt; answers it and whether it is new: a warehouse receives a reference once.

    Raises `WarehouseNotFound`, `SkuUnknown`, and `ReceiptDiffers` when other goods came under that reference.
    """
    await get_warehouse(session, new.warehouse_id)
    await require_skus(session, {f"/body/lines/{index}/sku": line.sku for index, line in enumerate(new.lines)})
    pieces: dict[str, int] = {}
    for line in new.lines:
        pieces[line.sku] = pieces.get(line.sku, 0) + line.quantity
    receipt_id = await insert_receipt(session, new, pieces)
    if receipt_id is not None:
        moves = [
            Move(LevelKey(new.warehouse_id, sku), "received", receipt_id, None, on_hand=quantity, available=quantity)
            for sku, quantity in pieces.items()
        ]
        await change_levels(session, moves)
    receipt = ReceiptRead.of(*await find_receipt(session, new.warehouse_id, new.reference))
    if {line.sku: line.quantity for line in receipt.lines} != pieces:
        raise ReceiptDiffers(f"{new.reference} was received as {receipt.receipt_id} with other lines")
    return receipt, receipt_id is not None


async def insert_receipt(session: WriteSession, new: NewReceipt, pieces: dict[str, int]) -> str | None:
    """Write a receipt with its lines; None when the reference is taken."""
    return await session.fetchval(
        "WITH head AS (INSERT INTO inventory.receipt (receipt_id, warehouse_id, reference, received_by, received_at) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (warehouse_id, reference) DO NOTHING RETURNING receipt_id), "
        "line AS (INSERT INTO inventory.receipt_line (receipt_id, warehouse_id, sku, quantity) "
        "SELECT receipt_id, $2, sku, quantity FROM head, unnest($6::text[], $7::int[]) AS t(sku, quantity)) "
        "SELECT receipt_id FROM head",
        new_id("rcp"),
        new.warehouse_id,
        new.reference,
        session.scope.actor,
        await session.now(),
        list(pieces),
        list(pieces.values()),
    )


async def adjust_stock(session: WriteSession, new: NewAdjustment) -> AdjustmentRead:
    """Correct what is available; raises `WarehouseNotFound`, `SkuUnknown`, `StockInsufficient`."""
    await get_warehouse(session, new.warehouse_id)
    await require_skus(session, {"/body/sku": new.sku})
    key = LevelKey(new.warehouse_id, new.sku)
    available = (await lock_levels(session, [key])).get(key, 0)
    if available + new.delta < 0:
        raise StockInsufficient(
            f"only {available} pieces of {new.sku} are available", available=available, asked=-new.delta
        )
    adjustment_id, now = new_id("adj"), await session.now()
    await session.fetch(
        "INSERT INTO inventory.adjustment "
        "(adjustment_id, warehouse_id, sku, delta, reason, adjusted_by, adjusted_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        adjustment_id,
        new.warehouse_id,
        new.sku,
        new.delta,
        new.reason,
        session.scope.actor,
        now,
    )
    await change_levels(session, [Move(key, "adjusted", adjustment_id, None, on_hand=new.delta, available=new.delta)])
    level = await get_level(session, key)
    return AdjustmentRead(
        adjustment_id=adjustment_id,
        on_hand=level.on_hand,
        available=level.available,
        adjusted_by=session.scope.actor,
        adjusted_at=now,
        **new.model_dump(),
    )


async def change_levels(session: WriteSession, moves: Sequence[Move]) -> None:
    """Move levels for a request, opening those that are new."""
    levels = {line.level for line in moves}
    await open_levels(session, levels)
    await lock_levels(session, levels)
    await move(session, moves)
    await settle_later(session, levels)
