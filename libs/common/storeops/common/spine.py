"""The tables that every service's schema holds beside its own: outbox, inbox, timer, idempotency, parked
and the ledger of what people did with parked messages.

Here are their rows, their statements and their DDL. They carry no business data of a store and are exempt from
row-level security; only the service's two roles may touch them.
"""

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

SPINE_TABLES = ("outbox", "inbox", "timer", "idempotency", "parked", "parked_audit")


class OutboxRow(NamedTuple):
    """An event on its way to the bus."""

    event_id: UUID
    topic: str
    hash: int
    """murmur2 of the key, 31 bits: the partition is its remainder."""
    key: str
    sequence: int
    """1, 2, 3 … per (topic, key), from a counter on the aggregate's row."""
    type: str
    store_id: str | None
    occurred_at: datetime
    headers: str
    """JSON: correlation_id, causation_id, traceparent."""
    payload: str

    @classmethod
    def columns(cls, rows: "list[OutboxRow]") -> list[list[Any]]:
        """The rows turned into columns, as `unnest` takes them."""
        return [list(column) for column in zip(*rows, strict=True)]


class IdempotencyRow(NamedTuple):
    """The finished response of a request, kept under its key in the transaction that it answers."""

    principal: str
    route: str
    key: str
    fingerprint: str
    status: int
    headers: str
    body: bytes


class FlushStatements(NamedTuple):
    """What a session writes last: its events and its stored response."""

    outbox: str
    idempotency: str
    both: str

    @staticmethod
    @cache
    def of(schema: str) -> "FlushStatements":
        """The statements for one service's schema."""
        outbox = (
            f"INSERT INTO {schema}.outbox "
            "(event_id, topic, hash, key, sequence, type, store_id, occurred_at, headers, payload) "
            "SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::bigint[], $6::text[], "
            "$7::text[], $8::timestamptz[], $9::text[], $10::text[])"
        )

        def idempotency(first: int) -> str:
            slots = ", ".join(f"${first + i}" for i in range(7))
            return (
                f"INSERT INTO {schema}.idempotency (principal, route, key, fingerprint, status, headers, body) "
                f"VALUES ({slots})"
            )

        return FlushStatements(outbox, idempotency(1), f"WITH written AS ({outbox}) {idempotency(11)}")


def schema_ddl(schema: str) -> list[str]:
    """DDL of a service's schema, its two roles and its spine tables."""
    tables = ", ".join(f"{schema}.{table}" for table in SPINE_TABLES if table != "parked_audit")
    return [
        f"CREATE SCHEMA IF NOT EXISTS {schema}",
        *(role_ddl(role) for role in (f"svc_{schema}", f"wrk_{schema}")),
        f"GRANT USAGE ON SCHEMA {schema} TO svc_{schema}, wrk_{schema}",
        f"""CREATE TABLE {schema}.outbox (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            event_id uuid NOT NULL,
            topic text NOT NULL,
            hash integer NOT NULL CHECK (hash >= 0),
            key text NOT NULL,
            sequence bigint NOT NULL,
            type text NOT NULL,
            store_id text,
            occurred_at timestamptz NOT NULL,
            headers text NOT NULL,
            payload text NOT NULL CHECK (octet_length(payload) <= 900000)
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)""",
        f"""CREATE TABLE {schema}.inbox (
            consumer text NOT NULL,
            event_id uuid NOT NULL,
            handled_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer, event_id)
        )""",
        f"""CREATE TABLE {schema}.timer (
            kind text NOT NULL,
            key text NOT NULL,
            due_at timestamptz NOT NULL,
            armed_for timestamptz NOT NULL,
            generation integer NOT NULL DEFAULT 1,
            state text NOT NULL DEFAULT 'armed' CHECK (state IN ('armed', 'fired', 'cancelled')),
            fired_at timestamptz,
            PRIMARY KEY (kind, key)
        ) WITH (fillfactor = 80)""",
        f"CREATE INDEX timer_due ON {schema}.timer (due_at, key) WHERE state = 'armed'",
        f"CREATE INDEX timer_key ON {schema}.timer (key)",
        f"""CREATE TABLE {schema}.idempotency (
            principal text NOT NULL,
            route text NOT NULL,
            key text NOT NULL,
            fingerprint text NOT NULL,
            status integer NOT NULL,
            headers text NOT NULL,
            body bytea NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (principal, route, key)
        )""",
        f"""CREATE TABLE {schema}.parked (
            consumer text NOT NULL,
            event_id uuid NOT NULL,
            topic text NOT NULL,
            partition integer NOT NULL,
            "offset" bigint NOT NULL,
            key text NOT NULL,
            sequence bigint NOT NULL,
            type text NOT NULL,
            store_id text,
            occurred_at timestamptz NOT NULL,
            headers text NOT NULL,
            payload text NOT NULL,
            error text NOT NULL,
            trace text NOT NULL,
            parked_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer, event_id)
        )""",
        f"CREATE INDEX parked_key ON {schema}.parked (consumer, topic, key, sequence)",
        f"""CREATE TABLE {schema}.parked_audit (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now(),
            actor text NOT NULL,
            action text NOT NULL CHECK (action IN ('replayed', 'failed', 'dropped')),
            reason text NOT NULL,
            consumer text NOT NULL,
            event_id uuid NOT NULL,
            topic text NOT NULL,
            key text NOT NULL,
            sequence bigint NOT NULL,
            type text NOT NULL,
            payload text NOT NULL,
            CHECK (action <> 'dropped' OR reason <> '')
        )""",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO svc_{schema}, wrk_{schema}",
        f"GRANT SELECT, INSERT ON {schema}.parked_audit TO svc_{schema}, wrk_{schema}",
    ]


APP_LOGIN = "storeops_app"
"""The application's login: owns nothing, bypasses nothing, and takes the role of the service it works for."""


def role_ddl(role: str) -> str:
    """DDL that makes a role without login unless it is there, and lets the application's login take it."""
    grant = "" if role == APP_LOGIN else f"GRANT {role} TO {APP_LOGIN};"
    return f"""DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; END IF;
        {grant}
    END $$"""


SEES_STORE = (
    "current_setting('storeops.stores', true) = '*' "
    "OR store_id = ANY (string_to_array(current_setting('storeops.stores', true), ','))"
)
"""The row-level rule of a table with a store_id."""


def table_ddl(
    schema: str, table: str, *, rule: str = SEES_STORE, rights: str = "SELECT, INSERT, UPDATE, DELETE"
) -> list[str]:
    """Row-level security and rights of a business table; ledgers get no UPDATE or DELETE by `rights`."""
    name = f"{schema}.{table}"
    return [
        f"GRANT {rights} ON {name} TO svc_{schema}, wrk_{schema}",
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY stores ON {name} TO svc_{schema} USING ({rule}) WITH CHECK ({rule})",
        f"CREATE POLICY worker ON {name} TO wrk_{schema} USING (true) WITH CHECK (true)",
    ]
