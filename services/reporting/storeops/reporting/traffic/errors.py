"""How handing in traffic fails."""

from storeops.common.errors import Invalid, TooLarge


class FileUnreadable(Invalid):
    """The upload is no CSV text in UTF-8 or GB18030."""


class HeaderInvalid(Invalid):
    """The first row does not name exactly the columns that are needed."""


class TooManyRows(TooLarge):
    """More rows than one import may hold."""
