"""Database URLs as libpq reads them: what is said about TLS reaches SQLAlchemy and the driver alike."""

import ssl

import pytest
from storeops.common.address import address_of

PLAIN = "postgresql://shop:secret@db.example:5432/storeops"


def test_a_url_that_says_nothing_is_left_to_the_driver() -> None:
    address = address_of(PLAIN)

    assert address.dsn == PLAIN
    assert address.engine_url.render_as_string(hide_password=False) == PLAIN.replace("://", "+asyncpg://")
    assert address.options == {}


@pytest.mark.parametrize("name", ["sslmode", "ssl"])
@pytest.mark.parametrize("mode", ["disable", "prefer", "require"])
def test_a_mode_without_checks_is_handed_on(name: str, mode: str) -> None:
    address = address_of(f"{PLAIN}?{name}={mode}&target_session_attrs=any")

    assert address.options == {"ssl": mode}
    assert address.dsn == f"{PLAIN}?target_session_attrs=any"
    assert dict(address.engine_url.query) == {"target_session_attrs": "any"}


@pytest.mark.parametrize(("mode", "names_checked"), [("verify-full", True), ("verify-ca", False)])
def test_a_checking_mode_checks_the_certificate(mode: str, names_checked: bool) -> None:  # noqa: FBT001 - a parameter of the test
    context = address_of(f"{PLAIN}?sslmode={mode}").options["ssl"]

    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, names_checked)


def test_a_root_certificate_is_read_and_makes_require_check() -> None:
    context = address_of(f"{PLAIN}?sslmode=require&sslrootcert=system").options["ssl"]

    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, False)
    with pytest.raises(FileNotFoundError):
        address_of(f"{PLAIN}?sslmode=verify-full&sslrootcert=/nowhere/root.crt")


def test_a_mode_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="sslmode is 'on'; expected one of disable"):
        address_of(f"{PLAIN}?sslmode=on")
