"""How dealing with people and their grants may fail."""

from storeops.common.errors import Conflict, Invalid, NotFound


class StaffNotFound(NotFound):
    """No such person, or none who works in the caller's stores."""


class GrantNotFound(NotFound):
    """The person has no such grant."""


class LoginTaken(Conflict):
    """Somebody signs in with this name already."""


class StaffInactive(Conflict):
    """The person has left."""


class LastOwner(Conflict):
    """Nobody else could manage this installation any more."""


class FirstOwnerInvalid(Invalid):
    """The first owner's login or password is not such as everybody's must be."""
