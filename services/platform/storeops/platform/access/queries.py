"""Reading keys and failed sign-ins. These rows belong to no store."""

import json
from collections.abc import Sequence
from typing import Any

from sqlmodel import col, select

from storeops.common.db import ReadSession
from storeops.platform.access.errors import ApiKeyNotFound
from storeops.platform.access.models import ApiKey, ApiKeyGrant
from storeops.platform.access.rules import WINDOW
from storeops.platform.access.schemas import ApiKeyRead
from storeops.platform.staff.schemas import GrantRead


async def failure_ages(session: ReadSession, login_digest: str) -> list[float]:
    """Seconds since each failed sign-in of a name within the window, by the database's clock."""
    rows = await session.fetch(
        "SELECT extract(epoch FROM now() - failed_at)::float8 FROM platform.sign_in_failure "
        f"WHERE login_digest = $1 AND failed_at > now() - interval '{WINDOW} seconds'",
        login_digest,
    )
    return [row[0] for row in rows]


async def lock_login(session: ReadSession, login_digest: str) -> None:
    """Hold a name until commit, so that its failures are counted one after the other."""
    await session.fetchval("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", login_digest)


async def signing_key(session: ReadSession) -> dict[str, Any] | None:
    """The private key that signs now."""
    found = await session.fetchval("SELECT private_jwk FROM platform.signing_key WHERE retired_at IS NULL")
    return None if found is None else json.loads(found)


async def trusted_keys(session: ReadSession, *, retired_within: int) -> list[dict[str, Any]]:
    """The private keys whose tokens hold: the present one and those retired up to so many seconds ago."""
    rows = await session.fetch(
        "SELECT private_jwk FROM platform.signing_key "
        f"WHERE retired_at IS NULL OR retired_at > now() - interval '{retired_within} seconds' ORDER BY created_at DESC"
    )
    return [json.loads(row[0]) for row in rows]


async def key_with_secret(session: ReadSession, secret_hash: str) -> ApiKey | None:
    """The live API key that has this secret."""
    query = select(ApiKey).where(ApiKey.secret_hash == secret_hash, col(ApiKey.revoked_at).is_(None))
    return (await (await session.orm()).exec(query)).one_or_none()


async def get_api_key(session: ReadSession, key_id: str) -> ApiKey:
    """An API key; raises `ApiKeyNotFound` (404)."""
    key = (await (await session.orm()).exec(select(ApiKey).where(ApiKey.key_id == key_id))).one_or_none()
    if key is None:
        message = f"no API key {key_id}"
        raise ApiKeyNotFound(message)
    return key


async def grants_of_keys(session: ReadSession, key_ids: Sequence[str]) -> Sequence[ApiKeyGrant]:
    """Every grant of these keys, in the order given."""
    query = select(ApiKeyGrant).where(col(ApiKeyGrant.key_id).in_(key_ids)).order_by(col(ApiKeyGrant.grant_id))
    return (await (await session.orm()).exec(query)).all()


async def list_api_keys(session: ReadSession, *, after: str | None, rows: int) -> list[ApiKeyRead]:
    """API keys by id, revoked ones too."""
    query = select(ApiKey).order_by(col(ApiKey.key_id)).limit(rows)
    if after is not None:
        query = query.where(col(ApiKey.key_id) > after)
    keys = (await (await session.orm()).exec(query)).all()
    grants: dict[str, list[GrantRead]] = {key.key_id: [] for key in keys}
    for grant in await grants_of_keys(session, list(grants)):
        grants[grant.key_id].append(GrantRead.of(grant))
    return [ApiKeyRead(**key.model_dump(exclude={"secret_hash"}), grants=grants[key.key_id]) for key in keys]


async def signing_key_is_older(session: ReadSession, *, days: int) -> bool:
    """Whether the key that signs now was made more than so many days ago."""
    older = await session.fetchval(
        "SELECT EXISTS (SELECT FROM platform.signing_key "
        "WHERE retired_at IS NULL AND created_at < now() - make_interval(days => $1))",
        days,
    )
    return bool(older)
