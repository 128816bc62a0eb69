"""Use cases of intake: placing, allocation's answers, payment, expiry and the refunds they cause."""
