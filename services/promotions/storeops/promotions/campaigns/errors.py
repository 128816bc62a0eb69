"""How a campaign can be refused."""

from storeops.common.errors import Invalid, NotFound


class CampaignNotFound(NotFound):
    """No such campaign, or none that this caller may see."""


class CampaignTiersInvalid(Invalid):
    """The tiers do not rise, or give as much as they ask, or are no money of the store."""


class CampaignTimesInvalid(Invalid):
    """The campaign ends before it starts."""
