"""How handing in traffic fails."""

from storeops.common.errors import Invalid, TooLarge


class DayInFuture(Invalid):
    """A day that has not begun in the store's time zone has no traffic yet."""


class FileUnreadable(Invalid):
    """The upload is no CSV text in UTF-8 or GB18030."""


class HeaderInvalid(Invalid):
    """The first row does not name exactly the columns that are needed."""


class TooManyRows(TooLarge):
    """More rows than one import may hold."""
