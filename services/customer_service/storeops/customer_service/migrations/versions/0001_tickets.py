"""Stores, tickets with their history and notes."""

from alembic import op

from storeops.common.spine import schema_ddl, table_ddl

revision = "0001"
down_revision = None

TABLES = [
    """CREATE TABLE customer_service.store (
        store_id text PRIMARY KEY,
        brand_id text NOT NULL,
        name text NOT NULL,
        channel text NOT NULL,
        time_zone text NOT NULL,
        currency text NOT NULL
    )""",
    """CREATE TABLE customer_service.ticket (
        ticket_id text PRIMARY KEY,
        store_id text NOT NULL,
        order_id text,
        kind text NOT NULL,
        cause_key text NOT NULL,
        reason text NOT NULL,
        blocker text,
        deadline timestamptz,
        opened_at timestamptz NOT NULL,
        opened_by text NOT NULL,
        settle_by timestamptz NOT NULL,
        state text NOT NULL CHECK (state IN ('open', 'taken', 'settled')),
        level text NOT NULL CHECK (level IN ('agent', 'lead', 'manager')),
        assignee text,
        overdue_at timestamptz,
        outcome text CHECK (outcome IN ('wait', 'cancel', 'refund', 'resolved')),
        settled_at timestamptz,
        settled_by text,
        event_sequence bigint NOT NULL,
        version bigint NOT NULL,
        CHECK ((state = 'settled') = (outcome IS NOT NULL)),
        CHECK ((outcome IS NULL) = (settled_at IS NULL)),
        CHECK ((outcome IS NULL) = (settled_by IS NULL)),
        CHECK (state <> 'taken' OR assignee IS NOT NULL)
    ) WITH (fillfactor = 80)""",
    """CREATE UNIQUE INDEX ticket_one_open_per_cause ON customer_service.ticket (store_id, cause_key)
        WHERE state <> 'settled'""",
    "CREATE INDEX ticket_cause ON customer_service.ticket (store_id, cause_key, ticket_id)",
    "CREATE INDEX ticket_settle_by ON customer_service.ticket (store_id, settle_by, ticket_id)",
    "CREATE INDEX ticket_order ON customer_service.ticket (order_id)",
    """CREATE TABLE customer_service.ticket_fact (
        fact_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        ticket_id text NOT NULL REFERENCES customer_service.ticket,
        store_id text NOT NULL,
        kind text NOT NULL,
        source text NOT NULL,
        reason text NOT NULL,
        by text NOT NULL,
        at timestamptz NOT NULL,
        UNIQUE (ticket_id, source)
    )""",
    """CREATE TABLE customer_service.ticket_note (
        note_id text PRIMARY KEY,
        ticket_id text NOT NULL REFERENCES customer_service.ticket,
        store_id text NOT NULL,
        text text NOT NULL,
        by text NOT NULL,
        at timestamptz NOT NULL
    )""",
    "CREATE INDEX ticket_note_ticket ON customer_service.ticket_note (ticket_id, note_id)",
]


def upgrade() -> None:
    """Make the schema."""
    for statement in (
        *schema_ddl("customer_service"),
        *TABLES,
        *table_ddl("customer_service", "store"),
        *table_ddl("customer_service", "ticket", rights="SELECT, INSERT, UPDATE"),
        *table_ddl("customer_service", "ticket_fact", rights="SELECT, INSERT"),
        *table_ddl("customer_service", "ticket_note", rights="SELECT, INSERT"),
    ):
        op.execute(statement)
