"""Stores, SKUs, warehouses, the stock ledger with its levels, and allocations."""

from alembic import op

from storeops.common.spine import schema_ddl, table_ddl

revision = "0001"
down_revision = None

STORES = """
CREATE TABLE inventory.store (
    store_id text PRIMARY KEY,
    brand_id text NOT NULL,
    name text NOT NULL
)"""

CATALOG = """
CREATE TABLE inventory.sku (
    sku text PRIMARY KEY,
    name text NOT NULL,
    category text,
    unit text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE inventory.sku_brand (
    sku text NOT NULL REFERENCES inventory.sku DEFERRABLE INITIALLY DEFERRED,
    brand_id text NOT NULL,
    PRIMARY KEY (sku, brand_id)
);
CREATE INDEX sku_brand_brand ON inventory.sku_brand (brand_id, sku);
CREATE INDEX store_brand ON inventory.store (brand_id)"""

WAREHOUSES = """
CREATE TABLE inventory.warehouse (
    warehouse_id text PRIMARY KEY,
    name text NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE inventory.warehouse_store (
    store_id text NOT NULL REFERENCES inventory.store,
    warehouse_id text NOT NULL REFERENCES inventory.warehouse DEFERRABLE INITIALLY DEFERRED,
    priority integer NOT NULL,
    PRIMARY KEY (store_id, warehouse_id)
);
CREATE INDEX warehouse_store_warehouse ON inventory.warehouse_store (warehouse_id, store_id)"""

LEVELS = """
CREATE TABLE inventory.stock_level (
    warehouse_id text NOT NULL REFERENCES inventory.warehouse,
    sku text NOT NULL REFERENCES inventory.sku,
    on_hand bigint NOT NULL DEFAULT 0 CHECK (on_hand >= 0),
    available bigint NOT NULL DEFAULT 0 CHECK (available >= 0),
    allocated bigint NOT NULL DEFAULT 0 CHECK (allocated >= 0),
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    in_inspection bigint NOT NULL DEFAULT 0 CHECK (in_inspection >= 0),
    defective bigint NOT NULL DEFAULT 0 CHECK (defective >= 0),
    movement_sequence bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (warehouse_id, sku),
    CONSTRAINT buckets_make_on_hand CHECK (on_hand = available + allocated + reserved + in_inspection + defective)
) WITH (fillfactor = 70);
CREATE INDEX stock_level_sku ON inventory.stock_level (sku)"""

LEDGER = """
CREATE TABLE inventory.movement (
    movement_id text NOT NULL,
    warehouse_id text NOT NULL,
    sku text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('received', 'issued', 'adjusted', 'allocated', 'released')),
    ref text NOT NULL,
    store_id text,
    on_hand_delta integer NOT NULL DEFAULT 0,
    available_delta integer NOT NULL DEFAULT 0,
    allocated_delta integer NOT NULL DEFAULT 0,
    reserved_delta integer NOT NULL DEFAULT 0,
    in_inspection_delta integer NOT NULL DEFAULT 0,
    defective_delta integer NOT NULL DEFAULT 0,
    actor text NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (ref, kind, warehouse_id, sku),
    CHECK (on_hand_delta
        = available_delta + allocated_delta + reserved_delta + in_inspection_delta + defective_delta)
);
CREATE INDEX movement_ledger ON inventory.movement (sku, movement_id)"""

DOCUMENTS = """
CREATE TABLE inventory.receipt (
    receipt_id text PRIMARY KEY,
    warehouse_id text NOT NULL REFERENCES inventory.warehouse,
    reference text NOT NULL,
    received_by text NOT NULL,
    received_at timestamptz NOT NULL,
    UNIQUE (warehouse_id, reference)
);
CREATE TABLE inventory.receipt_line (
    receipt_id text NOT NULL REFERENCES inventory.receipt,
    warehouse_id text NOT NULL,
    sku text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (receipt_id, sku)
);
CREATE TABLE inventory.adjustment (
    adjustment_id text PRIMARY KEY,
    warehouse_id text NOT NULL REFERENCES inventory.warehouse,
    sku text NOT NULL,
    delta integer NOT NULL CHECK (delta <> 0),
    reason text NOT NULL,
    adjusted_by text NOT NULL,
    adjusted_at timestamptz NOT NULL
)"""

ALLOCATIONS = """
CREATE TABLE inventory.order_allocation (
    order_id text PRIMARY KEY,
    store_id text NOT NULL,
    warehouse_id text,
    state text NOT NULL CHECK (state IN ('allocated', 'short', 'released', 'issued')),
    placed_at timestamptz NOT NULL,
    event_sequence bigint NOT NULL,
    CHECK (warehouse_id IS NOT NULL OR state IN ('short', 'released'))
) WITH (fillfactor = 80);
CREATE TABLE inventory.allocation_line (
    order_id text NOT NULL REFERENCES inventory.order_allocation,
    sku text NOT NULL,
    store_id text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    issued integer NOT NULL DEFAULT 0 CHECK (issued BETWEEN 0 AND quantity),
    waiting boolean NOT NULL,
    PRIMARY KEY (order_id, sku)
) WITH (fillfactor = 80);
CREATE INDEX allocation_line_waiting ON inventory.allocation_line (sku, store_id) WHERE waiting"""

STORE_STATES = """
CREATE TABLE inventory.store_stock (
    store_id text NOT NULL,
    sku text NOT NULL,
    state text NOT NULL CHECK (state IN ('ok', 'low', 'out')),
    warning_level integer NOT NULL DEFAULT 0 CHECK (warning_level >= 0),
    event_sequence bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (store_id, sku)
) WITH (fillfactor = 80)"""

SEES_BRAND = (
    "current_setting('storeops.stores', true) = '*' "
    "OR brand_id IN (SELECT store.brand_id FROM inventory.store AS store)"
)
SEES_SKU = (
    "current_setting('storeops.stores', true) = '*' "
    "OR EXISTS (SELECT FROM inventory.sku_brand AS link WHERE link.sku = sku.sku)"
)
SEES_WAREHOUSE = (
    "current_setting('storeops.stores', true) = '*' "
    "OR warehouse_id IN (SELECT link.warehouse_id FROM inventory.warehouse_store AS link)"
)


def upgrade() -> None:
    """Expand: the first tables, and who sees which of their rows."""
    tables = (STORES, CATALOG, WAREHOUSES, LEVELS, LEDGER, DOCUMENTS, ALLOCATIONS, STORE_STATES)
    for statement in (*schema_ddl("inventory"), *(part for table in tables for part in table.split(";"))):
        op.execute(statement)
    for table in ("store", "warehouse_store", "order_allocation", "allocation_line", "store_stock"):
        protect(table)
    protect("sku_brand", rule=SEES_BRAND)
    protect("sku", rule=SEES_SKU)
    for table in ("warehouse", "stock_level"):
        protect(table, rule=SEES_WAREHOUSE)
    for ledger in ("movement", "receipt", "receipt_line", "adjustment"):
        protect(ledger, rule=SEES_WAREHOUSE, rights="SELECT, INSERT")


def protect(table: str, **rules: str) -> None:
    """Row-level security and rights of one table."""
    for statement in table_ddl("inventory", table, **rules):
        op.execute(statement)
