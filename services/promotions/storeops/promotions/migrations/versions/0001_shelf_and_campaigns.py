"""Stores, listings with their history and stock states, price changes, campaigns."""

from collections.abc import Sequence

from alembic import op

from storeops.common.spine import schema_ddl, table_ddl

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TABLES = [
    """CREATE TABLE promotions.store (
        store_id text PRIMARY KEY,
        brand_id text NOT NULL,
        name text NOT NULL,
        channel text NOT NULL,
        time_zone text NOT NULL,
        currency text NOT NULL
    )""",
    """CREATE TABLE promotions.listing (
        listing_id text PRIMARY KEY,
        store_id text NOT NULL REFERENCES promotions.store,
        sku text NOT NULL,
        title text NOT NULL CHECK (title <> ''),
        price_minor bigint NOT NULL CHECK (price_minor > 0),
        currency text NOT NULL,
        on_shelf boolean NOT NULL,
        delisted_by text,
        reason text NOT NULL CHECK (reason <> ''),
        changed_at timestamptz NOT NULL,
        version integer NOT NULL CHECK (version >= 1),
        event_sequence bigint NOT NULL CHECK (event_sequence >= 0),
        UNIQUE (store_id, sku),
        CHECK (on_shelf = (delisted_by IS NULL))
    ) WITH (fillfactor = 80)""",
    "CREATE INDEX listing_page ON promotions.listing (store_id, listing_id)",
    """CREATE TABLE promotions.listing_history (
        listing_id text NOT NULL REFERENCES promotions.listing,
        version integer NOT NULL,
        store_id text NOT NULL,
        on_shelf boolean NOT NULL,
        changed_by text NOT NULL,
        reason text NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (listing_id, version)
    )""",
    """CREATE TABLE promotions.stock_state (
        store_id text NOT NULL,
        sku text NOT NULL,
        sold_out boolean NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (store_id, sku)
    ) WITH (fillfactor = 80)""",
    """CREATE TABLE promotions.price_history (
        listing_id text NOT NULL REFERENCES promotions.listing,
        version integer NOT NULL,
        store_id text NOT NULL,
        previous_minor bigint NOT NULL,
        previous_currency text NOT NULL,
        price_minor bigint NOT NULL CHECK (price_minor > 0),
        currency text NOT NULL,
        changed_by text NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (listing_id, version)
    )""",
    """CREATE TABLE promotions.campaign (
        campaign_id text PRIMARY KEY,
        store_id text NOT NULL REFERENCES promotions.store,
        kind text NOT NULL CHECK (kind IN ('spend_off')),
        name text NOT NULL,
        currency text NOT NULL,
        thresholds bigint[] NOT NULL CHECK (cardinality(thresholds) BETWEEN 1 AND 20),
        offs bigint[] NOT NULL CHECK (cardinality(offs) = cardinality(thresholds)),
        skus text[],
        starts_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL,
        ended_by text,
        ended_at timestamptz,
        CHECK (starts_at < ends_at),
        CHECK ((ended_by IS NULL) = (ended_at IS NULL))
    )""",
    "CREATE INDEX campaign_running ON promotions.campaign (store_id, ends_at) WHERE ended_at IS NULL",
]
MUTABLE = ("store", "listing", "stock_state", "campaign")
LEDGERS = ("listing_history", "price_history")


def upgrade() -> None:
    statements = [*schema_ddl("promotions"), *TABLES]
    statements += [ddl for table in MUTABLE for ddl in table_ddl("promotions", table, rights="SELECT, INSERT, UPDATE")]
    statements += [ddl for table in LEDGERS for ddl in table_ddl("promotions", table, rights="SELECT, INSERT")]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP SCHEMA promotions CASCADE")
