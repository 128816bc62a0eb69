"""Warehouses and stock over HTTP."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from storeops.common.auth.permissions import Permission
from storeops.common.http.etags import IfMatchRequired, VersionStale, require_match, set_etag
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.common.scope import StoreForbidden
from storeops.inventory.catalog.errors import SkuNotFound, SkuUnknown
from storeops.inventory.catalog.queries import get_sku
from storeops.inventory.sessions import Read, Write
from storeops.inventory.stock.commands import receiving, store_states, warehouses
from storeops.inventory.stock.commands.checks import require_store
from storeops.inventory.stock.errors import (
    ReceiptDiffers,
    StockInsufficient,
    StoreNotFound,
    StoreUnknown,
    WarehouseNotFound,
)
from storeops.inventory.stock.queries import levels as level_queries
from storeops.inventory.stock.queries import warehouses as warehouse_queries
from storeops.inventory.stock.schemas import (
    AdjustmentRead,
    Availability,
    AvailabilityRead,
    LevelRead,
    MovementRead,
    NewAdjustment,
    NewReceipt,
    NewWarehouse,
    ReceiptRead,
    ServedStores,
    StoreStockRead,
    StoreStocks,
    WarehouseAvailability,
    WarehouseRead,
    WarningLevels,
)

router = ServiceRouter("inventory", tags=["stock"])

SKU_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"
WarehouseId = Annotated[str, Path(pattern=r"^wh_[0-9a-f]{32}$")]
StoreId = Annotated[str, Path(pattern=r"^sto_[0-9a-f]{32}$")]
SkuCode = Annotated[str, Path(pattern=SKU_PATTERN)]
OneStore = Annotated[str, Query(pattern=r"^sto_[0-9a-f]{32}$")]
InStore = Annotated[str | None, Query(pattern=r"^sto_[0-9a-f]{32}$")]
InWarehouse = Annotated[str | None, Query(pattern=r"^wh_[0-9a-f]{32}$")]
OfSku = Annotated[str | None, Query(pattern=SKU_PATTERN)]
Skus = Annotated[list[Annotated[str, Query(pattern=SKU_PATTERN)]], Query(min_length=1, max_length=100)]


@router.endpoint(
    "POST",
    "/v1/warehouses",
    permission=Permission.WAREHOUSES_MANAGE,
    errors=[StoreForbidden, StoreUnknown],
    status=201,
)
async def create_warehouse(body: NewWarehouse, session: Write, response: Response) -> WarehouseRead:
    """Open a warehouse. A store asks its warehouses by priority, in the order of linking unless set."""
    warehouse, links = await warehouses.open_warehouse(session, body)
    set_etag(response, warehouse.version)
    response.headers["location"] = f"/v1/warehouses/{warehouse.warehouse_id}"
    return WarehouseRead.of(warehouse, links)


@router.endpoint("GET", "/v1/warehouses", permission=Permission.STOCK_READ, errors=[CursorMalformed])
async def list_warehouses(session: Read, limit: Limit = 50, cursor: Cursor = None) -> Page[WarehouseRead]:
    """Warehouses that serve a store of the caller."""
    after = decode_cursor(cursor, [str])
    rows = await warehouse_queries.list_warehouses(session, after=after[0] if after else None, limit=limit)
    links = await warehouse_queries.links_of(session, [row.warehouse_id for row in rows])
    return page_of(
        rows,
        limit,
        key=lambda row: [row.warehouse_id],
        item=lambda row: WarehouseRead.of(row, links[row.warehouse_id]),
    )


@router.endpoint("GET", "/v1/warehouses/{warehouse_id}", permission=Permission.STOCK_READ, errors=[WarehouseNotFound])
async def get_warehouse(warehouse_id: WarehouseId, session: Read, response: Response) -> WarehouseRead:
    """One warehouse with those stores of the caller that it serves."""
    warehouse = await warehouse_queries.get_warehouse(session, warehouse_id)
    links = await warehouse_queries.links_of(session, [warehouse_id])
    set_etag(response, warehouse.version)
    return WarehouseRead.of(warehouse, links[warehouse_id])


@router.endpoint(
    "PUT",
    "/v1/warehouses/{warehouse_id}/stores",
    permission=Permission.WAREHOUSES_MANAGE,
    errors=[WarehouseNotFound, StoreForbidden, StoreUnknown, IfMatchRequired, VersionStale],
)
async def change_served_stores(
    warehouse_id: WarehouseId, body: ServedStores, session: Write, request: Request, response: Response
) -> WarehouseRead:
    """Replace the stores that a warehouse serves; stores that the caller does not see stay as they are."""
    warehouse, links = await warehouses.change_served_stores(
        session, warehouse_id, body, require_version=lambda version: require_match(request, version)
    )
    set_etag(response, warehouse.version)
    return WarehouseRead.of(warehouse, links)


@router.endpoint(
    "POST",
    "/v1/receipts",
    permission=Permission.STOCK_RECEIVE,
    errors=[WarehouseNotFound, SkuUnknown, ReceiptDiffers],
    status=201,
    also={200: {"description": "The same goods were received under this reference before.", "model": ReceiptRead}},
)
async def create_receipt(body: NewReceipt, session: Write, response: Response) -> ReceiptRead:
    """Receive goods. A warehouse receives a reference once: the same again answers 200, other goods 409."""
    receipt, new = await receiving.receive_goods(session, body)
    if not new:
        response.status_code = 200
    return receipt


@router.endpoint(
    "POST",
    "/v1/adjustments",
    permission=Permission.STOCK_RECEIVE,
    errors=[WarehouseNotFound, SkuUnknown, StockInsufficient],
    status=201,
)
async def create_adjustment(body: NewAdjustment, session: Write) -> AdjustmentRead:
    """Correct what is available of a SKU, with the reason; never below zero."""
    return await receiving.adjust_stock(session, body)


@router.endpoint("GET", "/v1/stock", permission=Permission.STOCK_READ, errors=[StoreForbidden, CursorMalformed])
async def list_stock(
    *,
    session: Read,
    store_id: InStore = None,
    warehouse_id: InWarehouse = None,
    sku: OfSku = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[LevelRead]:
    """Levels by warehouse and SKU, in the warehouses of a store, in one warehouse, of one SKU."""
    if store_id is not None:
        session.scope.require_store(store_id)
    after = decode_cursor(cursor, [str, str])
    rows = await level_queries.list_levels(
        session,
        store_id=store_id,
        warehouse_id=warehouse_id,
        sku=sku,
        after=(after[0], after[1]) if after else None,
        limit=limit,
    )
    return page_of(rows, limit, key=lambda level: [level.warehouse_id, level.sku], item=LevelRead.of)


@router.endpoint(
    "GET", "/v1/skus/{sku}/movements", permission=Permission.STOCK_READ, errors=[SkuNotFound, CursorMalformed]
)
async def list_movements(
    sku: SkuCode, session: Read, warehouse_id: InWarehouse = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[MovementRead]:
    """The stock ledger of a SKU, newest first (STK-1).

    Of other stores' orders in a shared warehouse it shows the pieces alone: `ref` and `actor` are null.
    """
    before = decode_cursor(cursor, [str])
    await get_sku(session, sku)
    rows = await level_queries.list_movements(
        session, sku, warehouse_id=warehouse_id, before=before[0] if before else None, limit=limit
    )
    return page_of(
        rows, limit, key=lambda line: [line.movement_id], item=lambda line: MovementRead.of(line, session.scope)
    )


@router.endpoint("GET", "/v1/availability", permission=Permission.STOCK_READ, errors=[StoreForbidden])
async def get_availability(session: Read, store_id: OneStore, sku: Skus) -> Availability:
    """What a store can sell now of up to 100 SKUs (repeat `sku`); a SKU it never held counts as 0."""
    session.scope.require_store(store_id)
    found = await level_queries.availability_by_warehouse(session, store_id, list(dict.fromkeys(sku)))
    return Availability(
        items=[
            AvailabilityRead(
                store_id=store_id,
                sku=code,
                available=sum(pieces for _, pieces in places),
                warehouses=[WarehouseAvailability(warehouse_id=place, available=pieces) for place, pieces in places],
            )
            for code, places in found.items()
        ]
    )


@router.endpoint(
    "GET",
    "/v1/warning-levels/{store_id}",
    permission=Permission.STOCK_READ,
    errors=[StoreForbidden, StoreNotFound, CursorMalformed],
)
async def list_warning_levels(
    store_id: StoreId, session: Read, limit: Limit = 50, cursor: Cursor = None
) -> Page[StoreStockRead]:
    """How a store stands with each SKU: ok, low or out, and from how few pieces on it is warned (STK-4)."""
    await require_store(session, store_id)
    after = decode_cursor(cursor, [str])
    rows = await level_queries.list_store_stocks(session, store_id, after=after[0] if after else None, limit=limit)
    return page_of(rows, limit, key=lambda stock: [stock.sku], item=StoreStockRead.of)


@router.endpoint(
    "PUT",
    "/v1/warning-levels/{store_id}",
    permission=Permission.CATALOG_MANAGE,
    errors=[StoreForbidden, StoreNotFound, SkuUnknown],
)
async def set_warning_levels(store_id: StoreId, body: WarningLevels, session: Write) -> StoreStocks:
    """Set from how few sellable pieces on a store is warned of SKUs; what is reached already warns at once (STK-4)."""
    stocks = await store_states.set_warning_levels(session, store_id, body.items)
    return StoreStocks(items=[StoreStockRead.of(stock) for stock in stocks])
