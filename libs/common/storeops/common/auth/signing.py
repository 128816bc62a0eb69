"""Signing the tokens that `Verifier` checks.

Keeps no key and looks nobody up; who may have one is decided elsewhere.
"""

from collections.abc import Sequence
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from storeops.common.auth.callers import Grant
from storeops.common.auth.tokens import AUDIENCE
from storeops.common.clock import machine_ms
from storeops.common.ids import new_id

TOKEN_LIFE = 600
"""Seconds: as long as a revoked grant may still be used, and as old as a brand's list of stores may be."""
SIGNED_WITH = "ES256"


def new_signing_key() -> dict[str, Any]:
    """A private key as a JWK; its key id is the thumbprint."""
    key = ECKey.generate_key("P-256", parameters={"use": "sig", "alg": SIGNED_WITH}, auto_kid=True)
    return dict(key.as_dict(private=True))


def public_part(private_jwk: dict[str, Any]) -> dict[str, Any]:
    """What of a signing key everybody may know, as a JWK."""
    return dict(ECKey.import_key(private_jwk).as_dict(private=False))


def sign_token(
    private_jwk: dict[str, Any],
    *,
    issuer: str,
    subject: str,
    kind: str,
    grants: Sequence[Grant],
    life: int = TOKEN_LIFE,
) -> str:
    """A token for a subject that lives `life` seconds from now, by the machine's clock."""
    issued_at = machine_ms() // 1000
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": subject,
        "kind": kind,
        "grants": [
            {"role": str(grant.role), "stores": "*" if grant.stores is None else sorted(grant.stores)}
            for grant in grants
        ],
        "iat": issued_at,
        "exp": issued_at + life,
        "jti": new_id("tok"),
    }
    key = ECKey.import_key(private_jwk)
    return jwt.encode({"alg": SIGNED_WITH, "kid": key.kid}, claims, key)
