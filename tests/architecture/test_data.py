"""What holds of every schema, read from a migrated database: who sees which rows, who may change what, and that the
models tell the truth about their tables.
"""

import asyncio
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import asyncpg
import pytest
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql
from storeops.common.service import Service, installed_services
from storeops.common.spine import APP_LOGIN, SPINE_TABLES

if TYPE_CHECKING:
    from ..conftest import Cluster  # noqa: TID252 - tests have no package to name

SERVICES = sorted(installed_services())
EXEMPT = {*SPINE_TABLES, "migration"}
"""Tables without row-level security: the spine's, which hold no business data of a store, and Alembic's version."""
STORELESS = {
    "reporting.fold": "how far the facts have read the archive",
}
"""Further tables that hold nothing of a store, and what they hold."""
OTHER_SCHEMAS = {
    "bus": "the log between services",
    "sandbox": "business time",
    "reporting_shadow": "facts in rebuilding: no request may look at them",
}
LEDGERS = {
    "customer_service": {"ticket_fact", "ticket_note"},
    "inventory": {"movement", "receipt", "receipt_line", "adjustment"},
    "orders": set[str](),
    "platform": {"staff_password", "api_key_grant"},
    "promotions": {"listing_history", "price_history"},
    "reporting": {"archived_event"},
}
"""Tables whose rows nobody changes or takes away, beside the spine's `parked_audit`."""


class Table(NamedTuple):
    """A table of a service's schema."""

    schema: str
    name: str
    owner: str
    secured: bool

    @property
    def full(self) -> str:
        """With its schema."""
        return f"{self.schema}.{self.name}"


class Policy(NamedTuple):
    """A rule about which rows a role sees and may write."""

    schema: str
    table: str
    roles: tuple[str, ...]
    command: str
    sees: str | None
    writes: str | None


class Catalog(NamedTuple):
    """What PostgreSQL knows of a migrated installation."""

    tables: list[Table]
    policies: list[Policy]
    columns: dict[str, dict[str, tuple[str, bool]]]
    """Type and whether it may be null, by table and column."""
    rights: dict[tuple[str, str], set[str]]
    """By role and table."""
    keys: dict[str, set[str]]
    """Columns of the primary key, by table."""
    roles: dict[str, asyncpg.Record]
    members: set[tuple[str, str]]
    """Role and the member that may take it."""
    foreign_keys: list[tuple[str, str, str]]
    """Name, schema it is in, schema it points to."""


TABLES = """
SELECT n.nspname, c.relname, pg_get_userbyid(c.relowner), c.relrowsecurity
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY 1, 2
"""
POLICIES = "SELECT schemaname, tablename, roles::text[], cmd, qual, with_check FROM pg_policies"
COLUMNS = """
SELECT n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
"""
RIGHTS = """
SELECT coalesce(r.rolname, 'public'), n.nspname || '.' || c.relname, acl.privilege_type
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN aclexplode(c.relacl) AS acl LEFT JOIN pg_roles AS r ON r.oid = acl.grantee
WHERE c.relkind IN ('r', 'p') AND acl.grantee <> c.relowner
"""
KEYS = """
SELECT n.nspname || '.' || c.relname, a.attname
FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey)
WHERE k.contype = 'p'
"""
ROLES = "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit, rolcanlogin FROM pg_roles"
MEMBERS = "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members"
FOREIGN_KEYS = """
SELECT k.conname, n.nspname, m.nspname FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_class AS d ON d.oid = k.confrelid JOIN pg_namespace AS m ON m.oid = d.relnamespace
WHERE k.contype = 'f'
"""


@pytest.fixture(scope="module")
def catalog(cluster: "Cluster") -> Catalog:
    return asyncio.run(read_catalog(cluster))


async def read_catalog(cluster: "Cluster") -> Catalog:
    name = f"t_{secrets.token_hex(6)}"
    maintenance = await asyncpg.connect(cluster.url("postgres"))
    await maintenance.execute(f"CREATE DATABASE {name} TEMPLATE template_storeops STRATEGY FILE_COPY")
    admin = await asyncpg.connect(cluster.url(name))
    columns: dict[str, dict[str, tuple[str, bool]]] = {}
    for table, column, kind, nullable in await admin.fetch(COLUMNS):
        columns.setdefault(table, {})[column] = (kind, nullable)
    rights: dict[tuple[str, str], set[str]] = {}
    for role, table, right in await admin.fetch(RIGHTS):
        rights.setdefault((role, table), set()).add(right)
    keys: dict[str, set[str]] = {}
    for table, column in await admin.fetch(KEYS):
        keys.setdefault(table, set()).add(column)
    found = Catalog(
        tables=[Table(*row) for row in await admin.fetch(TABLES)],
        policies=[Policy(row[0], row[1], tuple(row[2]), *row[3:]) for row in await admin.fetch(POLICIES)],
        columns=columns,
        rights=rights,
        keys=keys,
        roles={row["rolname"]: row for row in await admin.fetch(ROLES)},
        members={(row[0], row[1]) for row in await admin.fetch(MEMBERS)},
        foreign_keys=[(row[0], row[1], row[2]) for row in await admin.fetch(FOREIGN_KEYS)],
    )
    await admin.close()
    await maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await maintenance.close()
    return found


def business_tables(catalog: Catalog, service: str) -> list[Table]:
    return [table for table in catalog.tables if table.schema == service and table.name not in EXEMPT]


def our_roles(services: list[str]) -> Iterator[tuple[str, str]]:
    """Every role that the application takes, with its service."""
    for service in services:
        yield f"svc_{service}", service
        yield f"wrk_{service}", service


def test_there_are_no_schemas_but_the_services_and_those_named(catalog: Catalog) -> None:
    assert {table.schema for table in catalog.tables} == {*SERVICES, *OTHER_SCHEMAS}


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_spine_and_tables_of_its_own(service: str, catalog: Catalog) -> None:
    assert {table.name for table in catalog.tables if table.schema == service} >= EXEMPT
    assert business_tables(catalog, service)


@pytest.mark.parametrize("service", SERVICES)
def test_every_business_table_has_row_level_security(service: str, catalog: Catalog) -> None:
    bare = [table.full for table in business_tables(catalog, service) if not table.secured]
    assert set(bare) - set(STORELESS) == set()


@pytest.mark.parametrize("service", SERVICES)
def test_requests_and_workers_each_have_their_policy(service: str, catalog: Catalog) -> None:
    wrong: list[str] = []
    for table in business_tables(catalog, service):
        if table.full in STORELESS:
            continue
        policies = {
            policy.roles: (policy.command, policy.sees, policy.writes)
            for policy in catalog.policies
            if (policy.schema, policy.table) == (table.schema, table.name)
        }
        requests, worker = policies.pop((f"svc_{service}",), None), policies.pop((f"wrk_{service}",), None)
        both_ways = requests is not None and requests[0] == "ALL" and requests[1] == requests[2]
        if not both_ways or worker != ("ALL", "true", "true") or policies:
            wrong.append(table.full)
    assert wrong == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_table_with_a_store_shows_requests_their_stores_only(service: str, catalog: Catalog) -> None:
    open_to_all = [
        f"{policy.schema}.{policy.table}"
        for policy in catalog.policies
        if policy.roles == (f"svc_{service}",)
        and "store_id" in catalog.columns[f"{policy.schema}.{policy.table}"]
        and "storeops.stores" not in (policy.sees or "")
    ]
    assert open_to_all == []


def test_no_role_of_ours_stands_above_the_rules(catalog: Catalog) -> None:
    for role in (APP_LOGIN, *(role for role, _ in our_roles(SERVICES))):
        facts = catalog.roles[role]
        powers = [facts[name] for name in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb")]
        assert not any(powers), role
        assert facts["rolcanlogin"] == (role == APP_LOGIN)
    assert not catalog.roles[APP_LOGIN]["rolinherit"]
    assert {table.owner for table in catalog.tables} & {APP_LOGIN, *(role for role, _ in our_roles(SERVICES))} == set()


def test_the_login_may_take_the_roles_of_the_services_and_no_other(catalog: Catalog) -> None:
    taken = {role for role, member in catalog.members if member == APP_LOGIN}
    assert taken >= {role for role, _ in our_roles(SERVICES)}
    assert not any(catalog.roles[role]["rolsuper"] or catalog.roles[role]["rolbypassrls"] for role in taken)
    assert {member for role, member in catalog.members if role in taken and member != APP_LOGIN} <= {"postgres"}


def test_a_service_reaches_no_table_of_another(catalog: Catalog) -> None:
    shared = set(OTHER_SCHEMAS)
    reached = [
        (role, table)
        for role, service in our_roles(SERVICES)
        for (grantee, table) in catalog.rights
        if grantee == role and table.partition(".")[0] not in {service, *shared}
    ]
    assert reached == []
    ours = {*SERVICES, *OTHER_SCHEMAS}
    assert [table for role, table in catalog.rights if role == "public" and table.partition(".")[0] in ours] == []


def test_requests_look_into_no_schema_but_their_own_and_the_clock(catalog: Catalog) -> None:
    reached = {
        (role, table)
        for role, table in catalog.rights
        if role.startswith("svc_") and table.partition(".")[0] in OTHER_SCHEMAS
    }
    assert {table for _, table in reached} == {"sandbox.clock"}
    assert all(catalog.rights[place] == {"SELECT"} for place in reached)


def test_the_login_itself_sees_queues_and_the_log_only(catalog: Catalog) -> None:
    seen = {
        table: rights
        for (role, table), rights in catalog.rights.items()
        if role == APP_LOGIN and table.partition(".")[0] in SERVICES
    }
    assert {table.partition(".")[2] for table in seen} == {"outbox", "timer"}
    assert all(rights == {"SELECT"} for rights in seen.values())


@pytest.mark.parametrize("service", SERVICES)
def test_ledgers_are_only_written_to(service: str, catalog: Catalog) -> None:
    for table in (*LEDGERS[service], "parked_audit"):
        for role in (f"svc_{service}", f"wrk_{service}"):
            assert catalog.rights.get((role, f"{service}.{table}"), set()) <= {"SELECT", "INSERT"}, (role, table)


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_called_a_ledger_is_one(service: str, catalog: Catalog) -> None:
    """Of a movement, an archive, a history or an audit the name promises that nothing of it is rewritten."""
    named = {
        table.name
        for table in catalog.tables
        if table.schema == service
        and any(word in table.name for word in ("movement", "archive", "history", "audit_log", "ledger", "adjustment"))
    }
    assert named <= LEDGERS[service]


def test_no_foreign_key_crosses_schemas(catalog: Catalog) -> None:
    assert [key for key in catalog.foreign_keys if key[1] != key[2]] == []


@pytest.mark.parametrize("service", SERVICES)
def test_models_match_their_tables(service: str, catalog: Catalog, services: dict[str, Service]) -> None:
    modelled = {table.name: table for table in services[service].metadata.tables.values()}
    assert {table.schema for table in modelled.values()} <= {service}
    written = {table.name for table in business_tables(catalog, service)}
    assert set(modelled) == written, "every table has its model, and every model its table"
    wrong: dict[str, tuple[object, object]] = {}
    for name, table in modelled.items():
        told = {column.name: (type_of(column), bool(column.nullable)) for column in table.columns}
        true = catalog.columns.get(f"{service}.{name}", {})
        wrong |= {
            f"{name}.{column}": (told.get(column), true.get(column))
            for column in sorted({*told, *true})
            if told.get(column) != true.get(column)
        }
    assert wrong == {}, "model, table"


def type_of(column: Column[object]) -> str:
    """The column's type as PostgreSQL names it; a model's text may say VARCHAR."""
    kind = column.type.compile(dialect=postgresql.dialect()).lower()
    return kind.replace("varchar", "text")


@pytest.mark.parametrize("service", SERVICES)
def test_models_have_the_keys_of_their_tables(service: str, catalog: Catalog, services: dict[str, Service]) -> None:
    keys = {
        table.name: {column.name for column in table.primary_key.columns}
        for table in services[service].metadata.tables.values()
    }
    assert keys == {name: catalog.keys[f"{service}.{name}"] for name in keys}
