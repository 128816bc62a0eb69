"""HTTP of signing in, of the public keys and of API keys."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Body, Depends, Path, Request, Response

from storeops.common.auth.callers import Caller
from storeops.common.auth.permissions import ROLE_PERMISSIONS, Permission
from storeops.common.http.context import context_of
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.problems import refused
from storeops.common.http.routing import ServiceRouter, caller_of
from storeops.platform.access import commands, queries
from storeops.platform.access.errors import ApiKeyNotFound, SignInRefused, SignInsCrowded, TooManySignIns
from storeops.platform.access.schemas import (
    ApiKeyCreated,
    ApiKeyRead,
    CallerGrantRead,
    CallerRead,
    CreateApiKey,
    JwksRead,
    PasswordGrant,
    TokenRead,
    TokenRequest,
)
from storeops.platform.access.turns import TURNS
from storeops.platform.sessions import Read, Write
from storeops.platform.stores.errors import UnknownBrand, UnknownStore

router = ServiceRouter("platform", tags=["access"])

KeyId = Annotated[str, Path(pattern=r"^key_[0-9a-f]{32}$")]
TOKEN_ANSWER: dict[int, dict[str, Any]] = {200: {"model": TokenRead, "description": "A token for ten minutes."}}
UNSTORED = {"cache-control": "no-store"}
"""On answers that hold a secret (RFC 6749 §5.1)."""


async def admitted(body: Annotated[TokenRequest, Body()]) -> AsyncIterator[TokenRequest]:
    """The body, once there is a turn to check its password, held until the session has given its connection back."""
    if isinstance(body, PasswordGrant):
        async with TURNS.turn():
            yield body
    else:
        yield body


@router.endpoint(
    "POST",
    "/v1/tokens",
    permission="public",
    secret=True,
    errors=[SignInRefused, TooManySignIns, SignInsCrowded],
    also=TOKEN_ANSWER,
)
async def create_token(
    request: Request, body: Annotated[TokenRequest, Depends(admitted, scope="function")], session: Write
) -> Response:
    """Sign in with name and password, or exchange an API key; five failures of a name close it for a quarter hour."""
    settings = context_of(request).settings
    outcome = await commands.issue_token(session, body, issuer=settings.issuer, service_secret=settings.service_secret)
    if isinstance(outcome, SignInRefused):
        return await refused(request, outcome)
    return Response(outcome.model_dump_json(), headers=UNSTORED, media_type="application/json")


@router.endpoint("GET", "/v1/jwks", permission="public")
async def read_keys(session: Write) -> JwksRead:
    """The public keys of tokens, as a JWK set."""
    return await commands.show_keys(session)


@router.endpoint("GET", "/v1/me", permission=Permission.SELF)
async def read_me(caller: Annotated[Caller, Depends(caller_of)]) -> CallerRead:
    """Who the caller is and may do what where, as the token says."""
    return CallerRead(
        subject=caller.subject,
        kind=caller.kind,
        grants=[
            CallerGrantRead(role=grant.role, stores=None if grant.stores is None else sorted(grant.stores))
            for grant in caller.grants
        ],
        permissions=sorted({right for grant in caller.grants for right in ROLE_PERMISSIONS.get(grant.role, ())}),
    )


@router.endpoint(
    "POST",
    "/v1/api-keys",
    permission=Permission.KEYS_MANAGE,
    status=201,
    secret=True,
    errors=[UnknownBrand, UnknownStore],
)
async def create_api_key(body: CreateApiKey, response: Response, session: Write) -> ApiKeyCreated:
    """Make an API key; its secret is in this answer and nowhere else."""
    response.headers.update(UNSTORED)
    return await commands.create_api_key(session, body)


@router.endpoint("GET", "/v1/api-keys", permission=Permission.KEYS_MANAGE, errors=[CursorMalformed])
async def list_api_keys(session: Read, limit: Limit = 50, cursor: Cursor = None) -> Page[ApiKeyRead]:
    """Every API key, oldest first, revoked ones too; never a secret."""
    [after] = decode_cursor(cursor, [str]) or [None]
    rows = await queries.list_api_keys(session, after=after, rows=limit + 1)
    return page_of(rows, limit, key=lambda key: [key.key_id], item=lambda key: key)


@router.endpoint(
    "DELETE", "/v1/api-keys/{key_id}", permission=Permission.KEYS_MANAGE, status=204, errors=[ApiKeyNotFound]
)
async def revoke_api_key(key_id: KeyId, session: Write) -> None:
    """End an API key; what it was exchanged for ends within ten minutes."""
    await commands.revoke_api_key(session, key_id)
