"""What may still be undone. Pure."""

from storeops.orders.intake.rules import OrderFacts


def cancellable(order: OrderFacts) -> bool:
    """Whether an order may be cancelled on request: alive and not packed (ORD-6)."""
    return order.alive and order.packed_at is None


def settleable(order: OrderFacts) -> bool:
    """Whether settling a case may still stop an order: alive and not shipped."""
    return order.alive and order.shipped_at is None
