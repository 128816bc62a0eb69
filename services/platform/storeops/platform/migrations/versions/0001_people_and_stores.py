"""Brands, stores, staff, grants, sign-in, signing keys and API keys."""

from alembic import op

from storeops.common.spine import schema_ddl, table_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GRANT_COLUMNS = """
    grant_id text PRIMARY KEY,
    role text NOT NULL,
    scope text NOT NULL CHECK (scope IN ('all', 'brands', 'stores')),
    brand_ids text[] NOT NULL,
    store_ids text[] NOT NULL,
    created_at timestamptz NOT NULL,
    CHECK ((scope = 'brands') = (cardinality(brand_ids) > 0)),
    CHECK ((scope = 'stores') = (cardinality(store_ids) > 0))
"""

TABLES = [
    """CREATE TABLE platform.brand (
        brand_id text PRIMARY KEY,
        name text NOT NULL CONSTRAINT brand_name UNIQUE,
        created_at timestamptz NOT NULL
    )""",
    """CREATE TABLE platform.store (
        store_id text PRIMARY KEY,
        brand_id text NOT NULL REFERENCES platform.brand,
        name text NOT NULL,
        channel text NOT NULL CHECK (channel IN ('taobao', 'tmall', 'jd', 'douyin', 'own')),
        time_zone text NOT NULL,
        currency text NOT NULL,
        opened_at timestamptz NOT NULL,
        version integer NOT NULL,
        event_sequence bigint NOT NULL,
        CONSTRAINT store_name UNIQUE (brand_id, name)
    )""",
    """CREATE TABLE platform.staff (
        staff_id text PRIMARY KEY,
        login text NOT NULL CONSTRAINT staff_login UNIQUE CHECK (login = lower(login)),
        name text NOT NULL,
        active boolean NOT NULL,
        created_at timestamptz NOT NULL,
        event_sequence bigint NOT NULL
    )""",
    """CREATE TABLE platform.staff_password (
        staff_id text PRIMARY KEY REFERENCES platform.staff,
        hash text NOT NULL CHECK (hash LIKE '$argon2id$%')
    )""",
    f"""CREATE TABLE platform.staff_grant ({GRANT_COLUMNS},
        staff_id text NOT NULL REFERENCES platform.staff
    )""",
    "CREATE INDEX staff_grant_staff ON platform.staff_grant (staff_id)",
    """CREATE TABLE platform.sign_in_failure (
        failure_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        login_digest text NOT NULL,
        failed_at timestamptz NOT NULL DEFAULT now()
    )""",
    "CREATE INDEX sign_in_failure_login ON platform.sign_in_failure (login_digest, failed_at)",
    """CREATE TABLE platform.signing_key (
        kid text PRIMARY KEY,
        private_jwk text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        retired_at timestamptz
    )""",
    "CREATE UNIQUE INDEX signing_key_current ON platform.signing_key ((retired_at IS NULL)) WHERE retired_at IS NULL",
    """CREATE TABLE platform.api_key (
        key_id text PRIMARY KEY,
        name text NOT NULL,
        secret_hash text NOT NULL CONSTRAINT api_key_secret UNIQUE,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL,
        revoked_at timestamptz
    )""",
    f"""CREATE TABLE platform.api_key_grant ({GRANT_COLUMNS},
        key_id text NOT NULL REFERENCES platform.api_key
    )""",
    "CREATE INDEX api_key_grant_key ON platform.api_key_grant (key_id)",
]

SEES_BRAND = (
    "current_setting('storeops.stores', true) = '*' "
    "OR EXISTS (SELECT FROM platform.store WHERE store.brand_id = brand.brand_id)"
)
"""A brand is seen with one of its stores: the inner look at stores is narrowed by their own rule."""

OF_NO_STORE = "true"
"""People and keys belong to no store, and signing in happens before the caller has any: the endpoints' permissions
guard these tables, and lists of staff are narrowed to those who work in the caller's stores."""

BRAND_STORES = [
    # Sign-in turns a brand's grant into its stores before it knows of any store: this gives ids and nothing else.
    """CREATE FUNCTION platform.stores_of_brands(brands text[]) RETURNS TABLE (brand_id text, store_id text)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
        AS 'SELECT store.brand_id, store.store_id FROM platform.store WHERE store.brand_id = ANY (brands)'""",
    "REVOKE ALL ON FUNCTION platform.stores_of_brands FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION platform.stores_of_brands TO svc_platform, wrk_platform",
]


def upgrade() -> None:
    for statement in [*schema_ddl("platform"), *TABLES, *BRAND_STORES]:
        op.execute(statement)
    secured = [
        *table_ddl("platform", "brand", rule=SEES_BRAND, rights="SELECT, INSERT, UPDATE"),
        *table_ddl("platform", "store", rights="SELECT, INSERT, UPDATE"),
        *table_ddl("platform", "staff", rule=OF_NO_STORE, rights="SELECT, INSERT, UPDATE"),
        *table_ddl("platform", "staff_password", rule=OF_NO_STORE, rights="SELECT, INSERT"),
        *table_ddl("platform", "staff_grant", rule=OF_NO_STORE),
        *table_ddl("platform", "sign_in_failure", rule=OF_NO_STORE, rights="SELECT, INSERT, DELETE"),
        *table_ddl("platform", "signing_key", rule=OF_NO_STORE),
        *table_ddl("platform", "api_key", rule=OF_NO_STORE, rights="SELECT, INSERT, UPDATE"),
        *table_ddl("platform", "api_key_grant", rule=OF_NO_STORE, rights="SELECT, INSERT"),
    ]
    for statement in secured:
        op.execute(statement)
