"""The bus of production: Apache Kafka."""


class KafkaBus:
    """Being written."""

    def __init__(self, servers: str, *, prefix: str = "") -> None:
        self.name = "kafka"
