"""Registering handlers: `@events.on(OrderPaid)` names a fact and the one use case that answers it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from storeops.common.bus.base import Message
from storeops.common.contracts.base import REGISTRY, Event
from storeops.common.db import WriteSession

E = TypeVar("E", bound=Event)
One = Callable[[WriteSession, E], Awaitable[None]]
Many = Callable[[WriteSession, Sequence[E]], Awaitable[None]]
Raw = Callable[[WriteSession, Sequence[Message]], Awaitable[None]]
Lock = Callable[[WriteSession, Sequence[Any]], Awaitable[None]]
OneT = TypeVar("OneT", bound=Callable[..., Awaitable[None]])
LockT = TypeVar("LockT", bound=Lock)


class Handler(NamedTuple):
    """What to call for a type: with one event, or with a list of at most `batch` of one partition."""

    call: Callable[[WriteSession, Any], Awaitable[None]]
    batch: int
    """0: one event a call."""


class EventRouter:
    """The handlers of one consumer group.

    `observer` groups publish nothing that others act on: playing the sandbox clock need not wait for them at each
    step, and nobody waits for them, so they turn at most every `pace` seconds.
    """

    def __init__(self, group: str, *, pace: float = 0.003, observer: bool = False) -> None:
        self.group = group
        self.pace = pace
        self.observer = observer
        self.handlers: dict[str, Handler] = {}
        self.raw: Raw | None = None
        self.lock: Lock | None = None
        self.reads: frozenset[str] = frozenset()
        """The types that a handler of everything does more with than keep."""

    def on(self, *events: type[Event], batch: int = 0) -> Callable[[OneT], OneT]:
        """Handle these events: one a call, or with `batch` lists of at most so many."""

        def register(call: OneT) -> OneT:
            for event in events:
                if event.type in self.handlers:
                    message = f"{event.type} has two handlers in group {self.group}"
                    raise TypeError(message)
                self.handlers[event.type] = Handler(call, batch)
            return call

        return register

    def lock_first(self, call: LockT) -> LockT:
        """Before a transaction of several calls: lock what all its events are about, in one order.

        Each call locks in order by itself; two transactions of several calls would still wait for each other.
        """
        self.lock = call
        return call

    def on_everything(self, *, reads: frozenset[str] = frozenset()) -> Callable[[Raw], Raw]:
        """Handle every message of every topic as it lies on the bus; `reads` are the types it looks into."""

        def register(call: Raw) -> Raw:
            self.raw, self.reads = call, reads
            return call

        return register

    @property
    def types(self) -> frozenset[str] | None:
        """The types this group handles; None: all."""
        return None if self.raw is not None else frozenset(self.handlers)

    def topics(self, every: Sequence[str]) -> list[str]:
        """The topics this group reads."""
        if self.raw is not None:
            return sorted(every)
        return sorted({REGISTRY[wire_type].topic for wire_type in self.handlers})
