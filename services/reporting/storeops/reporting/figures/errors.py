"""How asking for figures fails."""

from storeops.common.errors import Invalid


class PeriodInvalid(Invalid):
    """The period ends before it begins, or is longer than 400 days."""


class FigureUnknown(Invalid):
    """No figure of that name."""
