"""Settings of the spine, from the environment (`STOREOPS_…`). A service adds its own with its own prefix."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from storeops.common.address import is_postgres_url

SERVICE_PORTS = {
    "platform": 8001,
    "inventory": 8002,
    "promotions": 8003,
    "orders": 8004,
    "customer_service": 8005,
    "reporting": 8006,
}
"""Where a service listens when it runs alone, unless `STOREOPS_<SERVICE>_URL` says otherwise."""


def require_postgres_url(url: str) -> str:
    """The URL as it came; raises `ValueError`, without the password, for what is no PostgreSQL's address."""
    if is_postgres_url(url):
        return url
    message = "expected postgresql://user:password@host:port/database"
    raise ValueError(message)


PostgresUrl = Annotated[str, AfterValidator(require_postgres_url)]


class Settings(BaseSettings):
    """What every process of StoreOps must know."""

    model_config = SettingsConfigDict(env_prefix="STOREOPS_", extra="ignore")

    data_dir: Path = Path(".storeops")
    """Where the embedded servers and generated secrets live."""
    database_url: PostgresUrl | None = None
    """PostgreSQL of production, as the role `storeops_app`; unset: the embedded one."""
    admin_database_url: PostgresUrl | None = None
    """The same database as a role that may create schemas and roles: for `storeops migrate`."""
    bus: Literal["postgres", "kafka"] = "postgres"
    kafka: str | None = None
    """Bootstrap servers."""
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How a user proves to be one, with `SASL_…`."""
    kafka_username: str | None = None
    kafka_password: str | None = None
    kafka_ca: Path | None = None
    """Certificates (PEM) that the brokers' are checked by, with `SSL` and `SASL_SSL`; unset: the system's."""
    topic_prefix: str = ""
    """Put before Kafka topic names, so that several installations may share a cluster."""
    partitions: int = Field(default=1, ge=1, le=256)
    """Partitions of a topic when it is first made."""
    lease: float = Field(default=15.0, gt=0.2)
    """Seconds after which a silent owner loses its partitions; Kafka brokers take 6 or more unless set otherwise."""
    retention_days: int = Field(default=7, ge=1, le=28)
    """Days that the log keeps messages: in PostgreSQL those which every group has handled, in Kafka all, as the
    retention of topics that we make. Groups remember for 30 days what they have handled: a log must forget before."""
    pool_size: int = Field(default=20, ge=2, le=100)
    host: str = "127.0.0.1"
    port: int = 8000
    """Where everything listens when one process serves it all."""
    sandbox_start: datetime | None = None
    """Where a new sandbox begins; now, unless set."""
    sandbox: bool = False
    """Business time is a row that `/v1/sandbox/clock` moves."""
    issuer: str = "storeops"
    service_secret: str | None = None
    """Proves a service to the platform; unset: made once and kept in the data folder."""
    contact_key: str | None = None
    """Keys the fingerprints of phones and addresses where orders runs; unset: made once and kept in the data folder."""
    log_level: str = "INFO"
    max_body: int = 1_000_000
    """Bytes of a request's body."""
    max_batch_body: int = 16_000_000
    """Bytes of a `:batch` request or an upload."""
