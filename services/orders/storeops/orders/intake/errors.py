"""How placing and paying can be refused."""

from storeops.common.errors import Conflict, Invalid, NotFound


class OrderNotFound(NotFound):
    """No such order, or none that this caller may see."""


class CurrencyMismatch(Invalid):
    """The money is not in the store's currency, or not in the order's."""


class AmountMalformed(Invalid):
    """An amount is no amount of its currency: too many digits after the point, or absurdly large."""


class LineMoneyWrong(Invalid):
    """A line's gross less the discounts that the shop gives is not its net, to the cent."""


class PayableWrong(Invalid):
    """What the buyer pays is not the lines' net less what platform or brand pays, to the cent."""


class BuyerUnknown(Invalid):
    """A channel's order names neither its buyer's account nor a phone."""


class TimesImpossible(Invalid):
    """Paid before it was placed, or well ahead of the present."""


class ChannelOrderExists(Conflict):
    """The channel's order came before with another content."""


class StockShort(Conflict):
    """No warehouse of the store holds all lines: the order is cancelled, and `lines` say what lacks."""


class OrderNotPayable(Conflict):
    """The order has no stock promised yet."""


class PaymentAmountWrong(Invalid):
    """The amount is not what the order costs."""


class ProviderRefUsed(Conflict):
    """The provider's reference stands for another payment."""
