"""Where a key lies: Kafka's default partitioner, so that both transports put a key into the same partition."""

from functools import lru_cache

from aiokafka.partitioner import murmur2 as kafka_murmur2  # pyright: ignore[reportUnknownVariableType] - untyped


@lru_cache(maxsize=65536)
def murmur2(key: str) -> int:
    """Kafka's murmur2 of the key's UTF-8 bytes, made positive: the partition is its remainder by their number."""
    return kafka_murmur2(key.encode()) & 0x7FFFFFFF
