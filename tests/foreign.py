"""A Kafka client and a CloudEvents library that are not ours, as a reader of another team would use them."""

from typing import Any

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

PATIENCE = 30.0
"""Seconds within which the next record must come."""


def read_topics(servers: str, topics: list[str]) -> dict[str, list[Any]]:
    """Every record that the topics hold at this moment, in no group."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "foreign", "enable.auto.commit": False})
    try:
        places = [
            TopicPartition(topic, partition, OFFSET_BEGINNING)
            for topic in topics
            for partition in consumer.list_topics(topic, timeout=PATIENCE).topics[topic].partitions
        ]
        ends = [consumer.get_watermark_offsets(place, timeout=PATIENCE)[1] for place in places]
        consumer.assign([place for place, end in zip(places, ends, strict=True) if end])
        records: dict[str, list[Any]] = {topic: [] for topic in topics}
        for left in range(sum(ends), 0, -1):
            record = consumer.poll(PATIENCE)
            assert record is not None, f"{left} of {sum(ends)} records did not come"
            assert record.error() is None
            records[str(record.topic())].append(record)
        return records
    finally:
        consumer.close()


def event_of(record: Any) -> Any:
    """The record as the SDK reads it; raises for what is no valid CloudEvent."""
    message = KafkaMessage(headers=dict(record.headers()), key=record.key(), value=record.value())
    return from_binary(message, JSONFormat())
