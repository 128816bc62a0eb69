"""Admits people, machines and services, signs their tokens, keeps the keys. Hands a secret out once and logs none."""

import hmac
import json
import secrets
from collections.abc import Sequence

from storeops.common.auth.callers import Grant
from storeops.common.auth.permissions import Role
from storeops.common.auth.signing import TOKEN_LIFE, new_signing_key, public_part, sign_token
from storeops.common.auth.tokens import KEY_PREFIX
from storeops.common.db import WriteSession
from storeops.common.http.context import service_proof
from storeops.common.ids import new_id
from storeops.platform.access import queries
from storeops.platform.access.errors import SignInRefused, TooManySignIns
from storeops.platform.access.models import ApiKey, ApiKeyGrant
from storeops.platform.access.rules import WINDOW, digest, seconds_to_wait
from storeops.platform.access.schemas import (
    ApiKeyCreated,
    ApiKeyExchange,
    CreateApiKey,
    JwksRead,
    PasswordGrant,
    ServiceGrant,
    Subject,
    TokenRead,
    TokenRequest,
)
from storeops.platform.staff.commands import require_known_places
from storeops.platform.staff.passwords import password_holds
from storeops.platform.staff.queries import credentials_of, grants_of
from storeops.platform.staff.rules import Terms, brands_named, expanded
from storeops.platform.staff.schemas import GrantRead
from storeops.platform.stores.queries import stores_of_brands

RETIRED_SHOWN = 6 * TOKEN_LIFE
"""Seconds for which a retired signing key is still shown: its last token dies long before."""
KEY_AGE_DAYS = 90
"""Age at which a signing key is replaced by itself."""


async def issue_token(
    session: WriteSession, request: TokenRequest, *, issuer: str, service_secret: str | None
) -> TokenRead | SignInRefused:
    """Sign a token for who proves to be somebody.

    A refusal is answered and not raised, so that the failed attempt is committed and counts. Raises `TooManySignIns`
    (429).
    """
    match request:
        case PasswordGrant():
            subject = await _admit_person(session, request)
        case ApiKeyExchange():
            subject = await _admit_machine(session, request)
        case ServiceGrant():
            subject = _admit_service(request, service_secret)
    if subject is None:
        return SignInRefused("these credentials do not hold")
    token = sign_token(
        await _signing_key(session), issuer=issuer, subject=subject.id, kind=subject.kind, grants=subject.grants
    )
    return TokenRead(access_token=token, expires_in=TOKEN_LIFE, subject=subject.id)


async def _admit_person(session: WriteSession, request: PasswordGrant) -> Subject | None:
    login = request.login.lower()
    name = digest(login)
    _refuse_after(await queries.failure_ages(session, name))
    person = await credentials_of(session, login)
    # An unknown name costs the same as a wrong password, or the time would tell which names there are.
    holds = await password_holds(person.password_hash if person else None, request.password.get_secret_value())
    await queries.lock_login(session, name)
    # Again, under the lock: of many guesses at once no more than the allowed ones may learn anything.
    _refuse_after(await queries.failure_ages(session, name))
    if person is None or not holds:
        await session.fetch("INSERT INTO platform.sign_in_failure (login_digest) VALUES ($1)", name)
        return None
    await session.fetch("DELETE FROM platform.sign_in_failure WHERE login_digest = $1", name)
    grants = await grants_of(session, [person.staff_id])
    return Subject(person.staff_id, "staff", await _expanded(session, grants))


def _refuse_after(ages: list[float]) -> None:
    wait = seconds_to_wait(ages)
    if wait:
        message = f"too many failed attempts; try again in {wait} s"
        raise TooManySignIns(message, retry_after=wait)


async def _admit_machine(session: WriteSession, request: ApiKeyExchange) -> Subject | None:
    key = await queries.key_with_secret(session, digest(request.api_key.get_secret_value()))
    if key is None:
        return None
    return Subject(key.key_id, "key", await _expanded(session, await queries.grants_of_keys(session, [key.key_id])))


def _admit_service(request: ServiceGrant, service_secret: str | None) -> Subject | None:
    if service_secret is None:
        return None
    expected = service_proof(service_secret, request.service)
    if not hmac.compare_digest(expected.encode(), request.proof.get_secret_value().encode()):
        return None
    return Subject(f"service:{request.service}", "service", [Grant(Role.SERVICE, None)])


async def _expanded(session: WriteSession, grants: Sequence[Terms]) -> list[Grant]:
    return expanded(grants, await stores_of_brands(session, brands_named(grants)))


async def _signing_key(session: WriteSession) -> dict[str, object]:
    key = await queries.signing_key(session)
    if key is None:
        await _make_signing_key(session)
        key = await queries.signing_key(session)
        assert key is not None
    return key


async def _make_signing_key(session: WriteSession) -> None:
    """At most one key signs: of two processes that make one at once, the later waits and its key is dropped."""
    made = new_signing_key()
    await session.fetch(
        "INSERT INTO platform.signing_key (kid, private_jwk) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        made["kid"],
        json.dumps(made),
    )


async def rotate_signing_key(session: WriteSession) -> str:
    """Sign with a new key from now on and answer its id; tokens of the one before hold until they expire."""
    await session.fetch("UPDATE platform.signing_key SET retired_at = now() WHERE retired_at IS NULL")
    await session.fetch(
        f"DELETE FROM platform.signing_key WHERE retired_at < now() - interval '{RETIRED_SHOWN} seconds'"
    )
    return str((await _signing_key(session))["kid"])


async def show_keys(session: WriteSession) -> JwksRead:
    """The public keys that tokens hold by; the first key is made here when nobody has signed in yet."""
    await _signing_key(session)
    keys = await queries.trusted_keys(session, retired_within=RETIRED_SHOWN)
    return JwksRead(keys=[public_part(key) for key in keys])


async def create_api_key(session: WriteSession, terms: CreateApiKey) -> ApiKeyCreated:
    """Make a key for a machine; the answer alone holds its secret. Raises `UnknownBrand`, `UnknownStore` (422)."""
    await require_known_places(session, terms.grants)
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    now = await session.now()
    key = ApiKey(
        key_id=new_id("key"),
        name=terms.name,
        secret_hash=digest(secret),
        created_by=session.scope.actor,
        created_at=now,
    )
    grants = [
        ApiKeyGrant(
            grant_id=new_id("gra"),
            key_id=key.key_id,
            role=grant.role,
            scope=grant.scope,
            brand_ids=grant.brand_ids,
            store_ids=grant.store_ids,
            created_at=now,
        )
        for grant in terms.grants
    ]
    (await session.orm()).add_all([key, *grants])
    shown = [GrantRead.of(grant) for grant in grants]
    return ApiKeyCreated(**key.model_dump(exclude={"secret_hash"}), grants=shown, api_key=secret)


async def revoke_api_key(session: WriteSession, key_id: str) -> None:
    """End a key; done twice it changes nothing. Raises `ApiKeyNotFound` (404).

    Tokens it was exchanged for live on for their ten minutes.
    """
    key = await queries.get_api_key(session, key_id)
    key.revoked_at = key.revoked_at or await session.now()


async def forget_failures(session: WriteSession) -> None:
    """Drop failed sign-ins that no longer count."""
    await session.fetch(f"DELETE FROM platform.sign_in_failure WHERE failed_at < now() - interval '{WINDOW} seconds'")


async def replace_old_key(session: WriteSession) -> None:
    """Rotate the signing key once it is `KEY_AGE_DAYS` old."""
    if await queries.signing_key_is_older(session, days=KEY_AGE_DAYS):
        await rotate_signing_key(session)
