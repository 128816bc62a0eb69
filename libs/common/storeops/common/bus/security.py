"""How clients prove themselves to a Kafka cluster and check it: the same for everything that talks to it."""

import ssl
from pathlib import Path
from typing import Any, NamedTuple


class KafkaSecurity(NamedTuple):
    """Encryption and user, as the brokers want them."""

    protocol: str = "PLAINTEXT"
    mechanism: str = "PLAIN"
    username: str | None = None
    password: str | None = None
    authority: Path | None = None
    """Certificates that the brokers' are checked by; None: the system's."""

    def options(self) -> dict[str, Any]:
        """What every client is given.

        Raises `ValueError` for a user that is missing, and `OSError` for certificates that cannot be read.
        """
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            options["ssl_context"] = ssl.create_default_context(cafile=self.authority)
        if self.protocol.startswith("SASL"):
            if not self.username or not self.password:
                message = f"Kafka security {self.protocol} needs a user name and a password"
                raise ValueError(message)
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return options
