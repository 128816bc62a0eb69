"""One effect per Idempotency-Key: the finished response is stored in the transaction that it answers.

There is no look-up before the work: a duplicate waits on the unique index, rolls back and gets the stored answer.
A refusal stores nothing, so the same key may be tried again. Another body under the same key is refused.
Answers hold what people wrote, so they are kept encrypted, and for three days.
"""

import hashlib
import hmac
import re
from os import urandom
from typing import NamedTuple

import asyncpg
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request, Response

from storeops.common.db import Database, WriteSession, reading
from storeops.common.errors import Conflict, DomainError, Invalid
from storeops.common.scope import Scope
from storeops.common.spine import IdempotencyRow

KEY = re.compile(r"^[\x21-\x7e]{1,255}$")
NONCE = 12
"""Bytes of the nonce that stands before an encrypted answer."""
STORED_HEADERS = ("content-type", "location", "etag", "preference-applied")


class IdempotencyKeyMissing(DomainError):
    """The endpoint needs an Idempotency-Key header."""

    status = 400
    title = "Idempotency-Key required"


class IdempotencyKeyMalformed(DomainError):
    """The key is not 1 to 255 visible ASCII characters."""

    status = 400
    title = "Idempotency-Key malformed"


class IdempotencyKeyReused(Invalid):
    """The key was used with another body."""


class IdempotencyInProgress(Conflict):
    """The first request with this key has not finished; try again."""


class StoredAnswerUnreadable(Conflict):
    """The request was done, and its answer was kept under a secret that this process does not have."""


class Slot(NamedTuple):
    """Where a caller's answer is kept, and the secret of the installation that it is kept under."""

    route: str
    key: str
    secret: str

    def cipher(self, principal: str) -> AESGCM:
        """One key a row: random nonces can never meet twice, and no answer can be moved to another row."""
        place = orjson.dumps(["storeops.idempotency", principal, self.route, self.key])
        return AESGCM(hmac.digest(self.secret.encode(), place, "sha256"))


class Replayed(Exception):
    """Carries the stored response out of a transaction that must roll back."""

    def __init__(self, response: Response) -> None:
        super().__init__("replayed")
        self.response = response


def key_of(request: Request, *, required: bool) -> str | None:
    """The request's Idempotency-Key; raises when it is required and missing, or malformed."""
    key = request.headers.get("idempotency-key")
    if key is None:
        if required:
            message = "send a unique Idempotency-Key header, so that a repeat has no second effect"
            raise IdempotencyKeyMissing(message)
        return None
    if not KEY.fullmatch(key):
        message = "Idempotency-Key must be 1 to 255 visible ASCII characters"
        raise IdempotencyKeyMalformed(message)
    return key


async def fingerprint_of(request: Request) -> str:
    """What makes two requests the same: method, path, query and body."""
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    return digest.hexdigest()


def record(slot: Slot, fingerprint: str, scope: Scope, response: Response) -> IdempotencyRow:
    """The row that keeps a finished response."""
    nonce = urandom(NONCE)
    body = nonce + slot.cipher(scope.actor).encrypt(nonce, bytes(response.body), None)
    headers = {name: response.headers[name] for name in STORED_HEADERS if name in response.headers}
    return IdempotencyRow(
        scope.actor, slot.route, slot.key, fingerprint, response.status_code, orjson.dumps(headers).decode(), body
    )


def is_duplicate(error: BaseException) -> bool:
    """Whether the commit failed because the key is taken."""
    return isinstance(error, asyncpg.UniqueViolationError) and error.constraint_name == "idempotency_pkey"


async def stored(database: Database, scope: Scope, slot: Slot, fingerprint: str) -> Response | None:
    """The response kept under a key.

    Raises `IdempotencyKeyReused` (422) when it answered another request, `StoredAnswerUnreadable` (409) when the
    secret has changed since.
    """
    async with reading(database, scope) as session:
        row = await session.fetchrow(
            f"SELECT fingerprint, status, headers, body FROM {scope.service}.idempotency "
            "WHERE principal = $1 AND route = $2 AND key = $3",
            scope.actor,
            slot.route,
            slot.key,
        )
    if row is None:
        return None
    if row["fingerprint"] != fingerprint:
        message = f"Idempotency-Key {slot.key!r} was used with another request"
        raise IdempotencyKeyReused(message)
    try:
        body = slot.cipher(scope.actor).decrypt(row["body"][:NONCE], row["body"][NONCE:], None)
    except InvalidTag as error:
        message = f"the request with Idempotency-Key {slot.key!r} was done; its answer can no longer be read"
        raise StoredAnswerUnreadable(message) from error
    response = Response(body, row["status"], orjson.loads(row["headers"]))
    response.headers["idempotency-replayed"] = "true"
    return response


async def forget_old(session: WriteSession) -> None:
    """Drop answers older than three days (machine time)."""
    await session.fetch(f"DELETE FROM {session.scope.service}.idempotency WHERE created_at < now() - interval '3 days'")
