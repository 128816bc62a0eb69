"""What an event is: a frozen fact with a wire type, a topic and a key. Carries ids and business facts, never a name,
phone or address.
"""

from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

REGISTRY: dict[str, type["Event"]] = {}
"""Every event by its wire type; two events with one type are refused at import."""


class Contract(BaseModel):
    """Plain data that crosses between services; unknown fields of a newer producer are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Contract):
    """A fact that happened. Subclasses give `type`, `topic` and `key` (the field whose value orders the events).

    `public` marks an event that is meant for other teams even when no service of ours consumes it.
    """

    type: ClassVar[str]
    topic: ClassVar[str]
    key_fields: ClassVar[tuple[str, ...]]
    public: ClassVar[bool]

    occurred_at: datetime
    """Business time of the fact."""

    def __init_subclass__(
        cls,
        *,
        type: str = "",  # noqa: A002 - reads as what it declares: class OrderPaid(…, type="order.paid.v1")
        topic: str = "",
        key: str | tuple[str, ...] = (),
        public: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        if not type:
            return
        if type in REGISTRY:
            message = f"event type {type} is declared by {REGISTRY[type].__name__} and {cls.__name__}"
            raise TypeError(message)
        cls.type, cls.topic, cls.public = type, topic, public
        cls.key_fields = (key,) if isinstance(key, str) else key
        REGISTRY[type] = cls

    @property
    def key(self) -> str:
        """What orders this event among others of its topic."""
        return ":".join(getattr(self, field) for field in self.key_fields)

    @property
    def store(self) -> str | None:
        """The store this fact belongs to, if it belongs to one."""
        return getattr(self, "store_id", None)
