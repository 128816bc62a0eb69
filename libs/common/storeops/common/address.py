"""Where a PostgreSQL is and how its connections are encrypted, from a URL as libpq reads it.

`sslmode` and `sslrootcert` are taken out of the URL, because SQLAlchemy would hand them to the driver as they stand.
"""

import ssl
from typing import Any, NamedTuple

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

CHECKING = ("verify-ca", "verify-full")
MODES = ("disable", "allow", "prefer", "require", *CHECKING)


class Address(NamedTuple):
    """A parsed URL, and what the driver is told about TLS."""

    url: URL
    tls: ssl.SSLContext | str | None
    """None: as the driver does by itself, encrypted where the server offers it."""

    @property
    def engine_url(self) -> URL:
        """The URL as SQLAlchemy takes it."""
        return self.url.set(drivername="postgresql+asyncpg")

    @property
    def dsn(self) -> str:
        """The URL as the driver takes it."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    @property
    def options(self) -> dict[str, Any]:
        """What both are told beside the URL."""
        return {} if self.tls is None else {"ssl": self.tls}


def is_postgres_url(url: str) -> bool:
    """Whether this is the URL of a database on a PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return False
    return parsed.get_backend_name() in ("postgresql", "postgres") and bool(parsed.host and parsed.database)


def address_of(url: str) -> Address:
    """Parse a URL. Raises `ValueError` for an `sslmode` that there is not, `OSError` for certificates not readable."""
    parsed = make_url(url)
    given = {name: str(parsed.query[name]) for name in ("ssl", "sslmode", "sslrootcert") if name in parsed.query}
    mode = given.get("sslmode") or given.get("ssl")
    authority = given.get("sslrootcert")
    if mode is not None and mode not in MODES:
        message = f"sslmode is {mode!r}; expected one of {', '.join(MODES)}"
        raise ValueError(message)
    return Address(parsed.difference_update_query(given), tls_of(mode, authority))


def tls_of(mode: str | None, authority: str | None) -> ssl.SSLContext | str | None:
    """What the driver is told. As for libpq, `require` with a root certificate checks the server's certificate.

    Without a root certificate those of the system count.
    """
    checked = mode in CHECKING or (authority is not None and mode == "require")
    if not checked:
        return mode
    context = ssl.create_default_context(cafile=None if authority == "system" else authority)
    context.check_hostname = mode == "verify-full"
    return context
