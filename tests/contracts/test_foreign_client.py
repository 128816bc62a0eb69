"""A Kafka client and a CloudEvents library that are not ours read what the relay wrote."""

import pytest
from storeops.common.contracts.base import REGISTRY
from storeops.common.testing.probe import NOON, TOPIC, say
from storeops.common.testing.stage import Stage

from ..foreign import event_of, read_topics  # noqa: TID252 - tests have no package to name

pytestmark = pytest.mark.parametrize("transport", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)


async def test_every_record_is_a_valid_cloud_event(stage: Stage) -> None:
    await stage.open(partitions=3)
    for n in range(20):
        await stage.probe.say(f"订单_{n % 5}", f"说明 {n}")
    async with stage.probe.transaction() as session:
        trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        session.scope = session.scope._replace(correlation_id="req_1", traceparent=trace)
        await say(session, "ord_traced", "traced")
    await stage.send()

    topic = stage.transport.prefix + TOPIC
    records = read_topics(stage.transport.servers, [topic])[topic]

    assert len(records) == 21
    events = [event_of(record) for record in records]
    assert {event.get_specversion() for event in events} == {"1.0"}
    assert {event.get_source() for event in events} == {"/storeops/probe"}
    assert {event.get_time() for event in events} == {NOON}
    assert {event.get_datacontenttype() for event in events} == {"application/json"}
    assert {event.get_extension("storeid") for event in events} == {"sto_1"}
    assert len({event.get_id() for event in events}) == 21
    for event in events:
        contract = REGISTRY[event.get_type()].model_validate(event.get_data())
        assert contract.key == event.get_subject() == event.get_extension("partitionkey")
    for n in range(5):
        sequences = [event.get_extension("sequence") for event in events if event.get_subject() == f"订单_{n}"]
        assert [int(sequence) for sequence in sequences] == [1, 2, 3, 4]
        assert sequences == sorted(sequences)
    [traced] = [event for event in events if event.get_subject() == "ord_traced"]
    assert traced.get_extension("correlationid") == "req_1"
    [record] = [record for record in records if record.key() == b"ord_traced"]
    assert dict(record.headers())["traceparent"] == trace.encode()
