"""The archive, the facts, their shadow for rebuilds, and the counters of handed-in traffic."""

from alembic import op

from storeops.common.spine import schema_ddl, table_ddl

revision = "0001"
down_revision = None

ARCHIVE = [
    """CREATE TABLE reporting.archived_event (
        position bigint PRIMARY KEY,
        event_id uuid NOT NULL UNIQUE,
        topic text NOT NULL,
        partition integer NOT NULL,
        key text NOT NULL,
        sequence bigint NOT NULL,
        type text NOT NULL,
        store_id text,
        occurred_at timestamptz NOT NULL,
        headers jsonb NOT NULL,
        payload jsonb NOT NULL,
        UNIQUE (topic, key, sequence)
    )""",
    """CREATE TABLE reporting.fold (
        one boolean PRIMARY KEY CHECK (one),
        position bigint NOT NULL
    ) WITH (fillfactor = 20)""",
    "INSERT INTO reporting.fold VALUES (true, 0)",
]

FACTS = {
    "store_fact": """CREATE TABLE reporting.store_fact (
        store_id text PRIMARY KEY,
        brand_id text NOT NULL,
        name text NOT NULL,
        channel text NOT NULL,
        time_zone text NOT NULL,
        currency text NOT NULL,
        sequence bigint NOT NULL
    )""",
    "order_fact": """CREATE TABLE reporting.order_fact (
        order_id text PRIMARY KEY,
        store_id text NOT NULL,
        customer_id text,
        channel text,
        currency text,
        labels text[],
        placed_at timestamptz,
        paid_at timestamptz,
        held_at timestamptz,
        shipped_at timestamptz,
        cancelled_at timestamptz,
        expired_at timestamptz,
        late_at timestamptz,
        breach_at timestamptz,
        late_since timestamptz,
        breached_since timestamptz,
        in_rush boolean NOT NULL,
        excused boolean NOT NULL,
        gross bigint,
        discount bigint,
        net bigint,
        payable bigint,
        paid_amount bigint
    ) WITH (fillfactor = 70)""",
    "order_line_fact": """CREATE TABLE reporting.order_line_fact (
        order_id text NOT NULL,
        line_no integer NOT NULL,
        store_id text NOT NULL,
        sku text NOT NULL,
        quantity integer NOT NULL,
        net bigint NOT NULL,
        PRIMARY KEY (order_id, line_no)
    )""",
    "refund_fact": """CREATE TABLE reporting.refund_fact (
        refund_id text PRIMARY KEY,
        order_id text NOT NULL,
        store_id text NOT NULL,
        requested_at timestamptz NOT NULL,
        amount bigint NOT NULL,
        reason text NOT NULL
    )""",
    "ticket_fact": """CREATE TABLE reporting.ticket_fact (
        ticket_id text PRIMARY KEY,
        store_id text NOT NULL,
        order_id text,
        kind text,
        opened_at timestamptz,
        settle_by timestamptz,
        settled_at timestamptz,
        settled_sequence bigint,
        reopened_sequence bigint
    )""",
    "stock_fact": """CREATE TABLE reporting.stock_fact (
        store_id text NOT NULL,
        sku text NOT NULL,
        sequence bigint NOT NULL,
        kind text NOT NULL,
        occurred_at timestamptz NOT NULL,
        PRIMARY KEY (store_id, sku, sequence)
    )""",
    "listing_fact": """CREATE TABLE reporting.listing_fact (
        listing_id text NOT NULL,
        sequence bigint NOT NULL,
        store_id text NOT NULL,
        sku text NOT NULL,
        kind text NOT NULL,
        occurred_at timestamptz NOT NULL,
        PRIMARY KEY (listing_id, sequence)
    )""",
    "traffic_fact": """CREATE TABLE reporting.traffic_fact (
        store_id text NOT NULL,
        day date NOT NULL,
        source text NOT NULL,
        terminal text NOT NULL,
        provider text NOT NULL,
        visitors bigint NOT NULL,
        page_views bigint NOT NULL,
        recorded_at timestamptz NOT NULL,
        sequence bigint NOT NULL,
        PRIMARY KEY (store_id, day, source, terminal, provider)
    )""",
}

INDEXES = [
    "CREATE INDEX order_fact_placed ON reporting.order_fact (store_id, placed_at)",
    "CREATE INDEX order_fact_paid ON reporting.order_fact (store_id, paid_at)",
    "CREATE INDEX order_fact_customer ON reporting.order_fact (store_id, customer_id, paid_at)",
    "CREATE INDEX order_fact_shipped ON reporting.order_fact (store_id, shipped_at)",
    *(
        f"CREATE INDEX order_fact_{what} ON reporting.order_fact (store_id, {what}_at) WHERE {what}_at IS NOT NULL"
        for what in ("held", "cancelled", "expired")
    ),
    "CREATE INDEX refund_fact_requested ON reporting.refund_fact (store_id, requested_at)",
    "CREATE INDEX ticket_fact_opened ON reporting.ticket_fact (store_id, opened_at)",
    "CREATE INDEX ticket_fact_settled ON reporting.ticket_fact (store_id, settled_at)",
    "CREATE INDEX stock_fact_occurred ON reporting.stock_fact (store_id, occurred_at)",
    "CREATE INDEX listing_fact_occurred ON reporting.listing_fact (store_id, occurred_at)",
]

# A rebuild can begin again at any time, so its tables need no write-ahead log, and no index but the key.
SHADOW = [
    "CREATE SCHEMA reporting_shadow",
    "GRANT USAGE ON SCHEMA reporting_shadow TO wrk_reporting",
    *(
        f"CREATE UNLOGGED TABLE reporting_shadow.{table} (LIKE reporting.{table}, PRIMARY KEY ({key}))"
        for table, key in {
            "store_fact": "store_id",
            "order_fact": "order_id",
            "order_line_fact": "order_id, line_no",
            "refund_fact": "refund_id",
            "ticket_fact": "ticket_id",
            "stock_fact": "store_id, sku, sequence",
            "listing_fact": "listing_id, sequence",
            "traffic_fact": "store_id, day, source, terminal, provider",
            "fold": "one",
        }.items()
    ),
    "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA reporting_shadow TO wrk_reporting",
]

TRAFFIC = """CREATE TABLE reporting.traffic_counter (
    store_id text PRIMARY KEY,
    event_sequence bigint NOT NULL
)"""


def upgrade() -> None:
    """Make the schema."""
    for statement in (
        *schema_ddl("reporting"),
        *ARCHIVE,
        *FACTS.values(),
        *INDEXES,
        *SHADOW,
        TRAFFIC,
        *table_ddl("reporting", "archived_event", rights="SELECT, INSERT"),
        *table_ddl("reporting", "fold", rule="false", rights="SELECT, UPDATE"),
        *(ddl for table in FACTS for ddl in table_ddl("reporting", table)),
        *table_ddl("reporting", "traffic_counter", rights="SELECT, INSERT, UPDATE"),
    ):
        op.execute(statement)
