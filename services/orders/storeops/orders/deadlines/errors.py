"""How promises and rushes can be refused."""

from storeops.common.errors import Invalid, NotFound


class PromiseInvalid(Invalid):
    """The times do not follow each other, or exceed the 48 hours that are the latest (ORD-3)."""


class RushNotFound(NotFound):
    """No such rush, or none that this caller may see."""


class RushTimesInvalid(Invalid):
    """A rush must end after it begins, and last 31 days at most."""
