"""Stores, customers, orders with their lines and contacts, money, holds, the warehouse's work and the ship promises."""

from alembic import op

from storeops.common.spine import schema_ddl, table_ddl

revision = "0001"
down_revision = None

SETTINGS = [
    """CREATE TABLE orders.store (
        store_id text PRIMARY KEY,
        brand_id text NOT NULL,
        name text NOT NULL,
        channel text NOT NULL,
        time_zone text NOT NULL,
        currency text NOT NULL
    )""",
    """CREATE TABLE orders.ship_promise (
        store_id text PRIMARY KEY REFERENCES orders.store,
        warn_after interval NOT NULL CHECK (warn_after > interval '0'),
        late_after interval NOT NULL CHECK (late_after > warn_after),
        breach_after interval NOT NULL CHECK (breach_after > late_after AND breach_after <= interval '48 hours'),
        expire_after interval NOT NULL CHECK (expire_after > interval '0'),
        version integer NOT NULL,
        changed_at timestamptz NOT NULL,
        changed_by text NOT NULL
    )""",
    """CREATE TABLE orders.ship_rush (
        rush_id text PRIMARY KEY,
        store_id text NOT NULL REFERENCES orders.store,
        from_at timestamptz NOT NULL,
        to_at timestamptz NOT NULL CHECK (to_at > from_at),
        campaign_ids text[] NOT NULL,
        declared_at timestamptz NOT NULL,
        declared_by text NOT NULL,
        ended_at timestamptz,
        ended_by text
    )""",
    "CREATE INDEX ship_rush_store ON orders.ship_rush (store_id, to_at)",
    """CREATE TABLE orders.audit_policy (
        store_id text PRIMARY KEY REFERENCES orders.store,
        review_above bigint CHECK (review_above >= 0),
        version integer NOT NULL,
        changed_at timestamptz NOT NULL,
        changed_by text NOT NULL
    )""",
]

ORDERS = [
    """CREATE TABLE orders.customer (
        customer_id text PRIMARY KEY,
        store_id text NOT NULL REFERENCES orders.store,
        identity text NOT NULL,
        first_seen_at timestamptz NOT NULL,
        UNIQUE (store_id, identity)
    )""",
    # Facts are added to an order about eight times: room on the page keeps those updates off the indexes.
    """CREATE TABLE orders.sales_order (
        order_id text PRIMARY KEY,
        store_id text NOT NULL REFERENCES orders.store,
        customer_id text NOT NULL REFERENCES orders.customer,
        channel text NOT NULL,
        channel_order_id text,
        content_print text,
        currency text NOT NULL,
        gross bigint NOT NULL CHECK (gross >= 0),
        discount bigint NOT NULL CHECK (discount >= 0),
        net bigint NOT NULL CHECK (net >= 0 AND net = gross - discount),
        payable bigint NOT NULL CHECK (payable BETWEEN 0 AND net),
        placed_at timestamptz NOT NULL,
        expires_at timestamptz,
        allocated_at timestamptz,
        warehouse_id text,
        short_lines jsonb,
        paid_at timestamptz,
        received bigint NOT NULL DEFAULT 0 CHECK (received >= 0),
        refunded bigint NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND received),
        warn_at timestamptz,
        late_at timestamptz,
        breach_at timestamptz,
        in_rush boolean NOT NULL DEFAULT false,
        audited_at timestamptz,
        audited_by text,
        open_holds smallint NOT NULL DEFAULT 0 CHECK (open_holds >= 0),
        released_at timestamptz,
        packed_at timestamptz,
        shipped_at timestamptz,
        wait_agreed_at timestamptz,
        cancelled_at timestamptz,
        cancelled_by text,
        cancel_reason text CHECK (cancel_reason IN ('customer', 'short', 'settled', 'staff')),
        expired_at timestamptz,
        quote jsonb,
        campaign_ids text[] NOT NULL,
        labels text[] NOT NULL,
        event_sequence bigint NOT NULL,
        version integer NOT NULL DEFAULT 1,
        CHECK ((paid_at IS NULL) = (late_at IS NULL)),
        CHECK (shipped_at IS NULL OR packed_at IS NOT NULL),
        CHECK (num_nonnulls(cancelled_at, expired_at, shipped_at) <= 1)
    ) WITH (fillfactor = 60)""",
    "CREATE UNIQUE INDEX sales_order_channel ON orders.sales_order (store_id, channel_order_id)",
    "CREATE INDEX sales_order_placed ON orders.sales_order (store_id, placed_at DESC, order_id DESC)",
    "CREATE INDEX sales_order_latest ON orders.sales_order (placed_at DESC, order_id DESC)",
    "CREATE INDEX sales_order_customer ON orders.sales_order (customer_id)",
    # What screens ask for all day, each a few rows of many: what is held, late (still here, or left too late) and off.
    """CREATE INDEX sales_order_held ON orders.sales_order (store_id, placed_at DESC, order_id DESC)
        WHERE open_holds > 0""",
    """CREATE INDEX sales_order_unshipped ON orders.sales_order (placed_at DESC, order_id DESC, store_id, late_at)
        WHERE shipped_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL AND paid_at IS NOT NULL""",
    """CREATE INDEX sales_order_shipped_late ON orders.sales_order (placed_at DESC, order_id DESC, store_id)
        WHERE shipped_at > late_at""",
    """CREATE INDEX sales_order_cancelled ON orders.sales_order (store_id, placed_at DESC, order_id DESC)
        WHERE cancelled_at IS NOT NULL""",
    """CREATE TABLE orders.order_line (
        order_id text NOT NULL REFERENCES orders.sales_order,
        line_no integer NOT NULL,
        store_id text NOT NULL,
        sku text NOT NULL,
        quantity integer NOT NULL CHECK (quantity > 0),
        gross bigint NOT NULL CHECK (gross >= 0),
        discounts jsonb NOT NULL,
        discount bigint NOT NULL CHECK (discount >= 0),
        net bigint NOT NULL CHECK (net >= 0 AND net = gross - discount),
        PRIMARY KEY (order_id, line_no)
    )""",
    """CREATE TABLE orders.contact (
        order_id text PRIMARY KEY REFERENCES orders.sales_order,
        store_id text NOT NULL,
        account text,
        name text,
        phone text,
        province text,
        city text,
        district text,
        street text,
        postcode text,
        remark text,
        phone_print text,
        address_print text
    )""",
    "CREATE INDEX contact_phone ON orders.contact (store_id, phone_print)",
    "CREATE INDEX contact_address ON orders.contact (store_id, address_print)",
    """CREATE TABLE orders.payment (
        payment_id text PRIMARY KEY,
        order_id text NOT NULL REFERENCES orders.sales_order,
        store_id text NOT NULL,
        provider text NOT NULL,
        provider_ref text NOT NULL,
        amount bigint NOT NULL CHECK (amount >= 0),
        currency text NOT NULL,
        state text NOT NULL CHECK (state IN ('accepted', 'refund_pending')),
        received_at timestamptz NOT NULL
    )""",
    "CREATE UNIQUE INDEX payment_provider_ref ON orders.payment (store_id, provider, provider_ref)",
    "CREATE INDEX payment_order ON orders.payment (order_id)",
    """CREATE TABLE orders.refund (
        refund_id text PRIMARY KEY,
        order_id text NOT NULL REFERENCES orders.sales_order,
        store_id text NOT NULL,
        amount bigint NOT NULL CHECK (amount > 0),
        currency text NOT NULL,
        reason text NOT NULL,
        state text NOT NULL CHECK (state IN ('intended')),
        requested_at timestamptz NOT NULL,
        requested_by text NOT NULL
    )""",
    "CREATE INDEX refund_order ON orders.refund (order_id)",
    "CREATE INDEX refund_requested ON orders.refund (store_id, requested_at DESC, refund_id DESC)",
]

WORK = [
    """CREATE TABLE orders.hold (
        hold_id text PRIMARY KEY,
        order_id text NOT NULL REFERENCES orders.sales_order,
        store_id text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('shortage', 'audit', 'manual')),
        reason text NOT NULL,
        placed_at timestamptz NOT NULL,
        placed_by text NOT NULL,
        released_at timestamptz,
        released_by text
    )""",
    "CREATE INDEX hold_order ON orders.hold (order_id)",
    "CREATE UNIQUE INDEX hold_open ON orders.hold (order_id, kind) WHERE released_at IS NULL AND kind <> 'manual'",
    """CREATE TABLE orders.finding (
        order_id text NOT NULL REFERENCES orders.sales_order,
        code text NOT NULL,
        store_id text NOT NULL,
        blocks boolean NOT NULL,
        message text NOT NULL,
        found_at timestamptz NOT NULL,
        PRIMARY KEY (order_id, code)
    )""",
    """CREATE TABLE orders.fulfillment_order (
        fulfillment_order_id text PRIMARY KEY,
        order_id text NOT NULL REFERENCES orders.sales_order,
        store_id text NOT NULL,
        warehouse_id text NOT NULL,
        status text NOT NULL CHECK (status IN ('open', 'packed', 'handed_over', 'cancelled')),
        late_at timestamptz NOT NULL,
        released_at timestamptz NOT NULL,
        packed_at timestamptz,
        handed_over_at timestamptz,
        cancelled_at timestamptz
    ) WITH (fillfactor = 80)""",
    "CREATE INDEX fulfillment_order_order ON orders.fulfillment_order (order_id)",
    "CREATE INDEX fulfillment_order_urgent ON orders.fulfillment_order (status, late_at, fulfillment_order_id)",
    """CREATE TABLE orders.parcel (
        parcel_id text PRIMARY KEY,
        fulfillment_order_id text NOT NULL REFERENCES orders.fulfillment_order,
        order_id text NOT NULL REFERENCES orders.sales_order,
        store_id text NOT NULL,
        warehouse_id text NOT NULL,
        courier text NOT NULL,
        waybill_no text NOT NULL,
        packed_at timestamptz NOT NULL,
        packed_by text NOT NULL,
        handed_over_at timestamptz,
        handed_over_by text
    )""",
    "CREATE UNIQUE INDEX parcel_waybill ON orders.parcel (courier, waybill_no)",
    "CREATE INDEX parcel_order ON orders.parcel (order_id)",
]

TABLES = (
    "store",
    "ship_promise",
    "ship_rush",
    "audit_policy",
    "customer",
    "sales_order",
    "order_line",
    "contact",
    "payment",
    "refund",
    "hold",
    "finding",
    "fulfillment_order",
    "parcel",
)


def upgrade() -> None:
    for statement in (*schema_ddl("orders"), *SETTINGS, *ORDERS, *WORK):
        op.execute(statement)
    for table in TABLES:
        for statement in table_ddl("orders", table):
            op.execute(statement)
