"""How signing in and dealing with keys may fail."""

from typing import ClassVar

from storeops.common.errors import DomainError, NotFound, Unauthenticated


class SignInRefused(Unauthenticated):
    """Name and password, key or proof do not hold; it is not said which."""


class TooManySignIns(DomainError):
    """Too many failed attempts for this name; `retry_after` seconds must pass."""

    status: ClassVar[int] = 429
    title: ClassVar[str] = "Too many attempts"


class SignInsCrowded(DomainError):
    """More people sign in at once than this process has turns for; `retry_after` seconds later there may be one."""

    status: ClassVar[int] = 429
    title: ClassVar[str] = "Too many at once"


class ApiKeyNotFound(NotFound):
    """No such API key."""
