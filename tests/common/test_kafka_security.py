"""What Kafka's clients are told to be let in."""

import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError
from storeops.common.bus.security import KafkaSecurity
from storeops.common.settings import Settings


def test_a_plain_cluster_needs_nothing() -> None:
    assert KafkaSecurity().options() == {"security_protocol": "PLAINTEXT"}


def test_a_user_is_shown_over_tls() -> None:
    options = KafkaSecurity("SASL_SSL", "SCRAM-SHA-512", "shop", "secret").options()

    context = options.pop("ssl_context")
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "shop",
        "sasl_plain_password": "secret",
    }


def test_what_is_missing_is_said() -> None:
    with pytest.raises(ValueError, match="SASL_PLAINTEXT needs a user name and a password"):
        KafkaSecurity("SASL_PLAINTEXT", "PLAIN", "shop").options()
    with pytest.raises(FileNotFoundError):
        KafkaSecurity("SSL", authority=Path("/nowhere/ca.pem")).options()


@pytest.mark.parametrize("days", [0, 29, 30, 365])
def test_no_log_may_remember_longer_than_the_inbox(days: int) -> None:
    with pytest.raises(ValidationError, match="retention_days"):
        Settings(retention_days=days)
