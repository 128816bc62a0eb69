"""Roles (ROL-1 … ROL-9) and what each may do, in one table. Every endpoint declares one permission of it."""

from enum import StrEnum


class Role(StrEnum):
    """Whom a shop employs. `owner` is the installation's own administrator, `service` one of our services."""

    OWNER = "owner"
    STORE_MANAGER = "store_manager"
    AGENT = "agent"
    AFTER_SALES_LEAD = "after_sales_lead"
    DESIGNER = "designer"
    EDITOR = "editor"
    WAREHOUSE = "warehouse"
    PROMOTER = "promoter"
    PURCHASING = "purchasing"
    FINANCE = "finance"
    BRAND_OWNER = "brand_owner"
    CHANNEL = "channel"
    """A machine that hands in orders and payments."""
    SERVICE = "service"


class Permission(StrEnum):
    """One thing that an endpoint lets its caller do."""

    STORES_READ = "stores.read"
    STORES_MANAGE = "stores.manage"
    STAFF_READ = "staff.read"
    STAFF_MANAGE = "staff.manage"
    KEYS_MANAGE = "keys.manage"
    SELF = "self"
    """What everybody signed in may do for themselves."""
    CATALOG_READ = "catalog.read"
    CATALOG_MANAGE = "catalog.manage"
    STOCK_READ = "stock.read"
    STOCK_RECEIVE = "stock.receive"
    WAREHOUSES_MANAGE = "warehouses.manage"
    LISTINGS_READ = "listings.read"
    LISTINGS_MANAGE = "listings.manage"
    PRICES_MANAGE = "prices.manage"
    CAMPAIGNS_READ = "campaigns.read"
    CAMPAIGNS_MANAGE = "campaigns.manage"
    QUOTES_MAKE = "quotes.make"
    ORDERS_READ = "orders.read"
    ORDERS_PLACE = "orders.place"
    ORDERS_PAY = "orders.pay"
    ORDERS_CANCEL = "orders.cancel"
    ORDERS_AUDIT = "orders.audit"
    PROMISES_MANAGE = "promises.manage"
    FULFILLMENT_READ = "fulfillment.read"
    FULFILLMENT_WORK = "fulfillment.work"
    REFUNDS_READ = "refunds.read"
    TICKETS_READ = "tickets.read"
    TICKETS_WORK = "tickets.work"
    TICKETS_SETTLE = "tickets.settle"
    FIGURES_READ = "figures.read"
    TRAFFIC_RECORD = "traffic.record"
    SPINE_OPERATE = "spine.operate"
    """The sandbox clock, parked messages and the like."""


_P = Permission
_LOOK = frozenset({_P.SELF, _P.STORES_READ, _P.CATALOG_READ, _P.STOCK_READ, _P.LISTINGS_READ, _P.CAMPAIGNS_READ})
_ORDERS_LOOK = frozenset({_P.ORDERS_READ, _P.FULFILLMENT_READ, _P.TICKETS_READ})
_AGENT = _LOOK | _ORDERS_LOOK | {_P.ORDERS_CANCEL, _P.TICKETS_WORK, _P.TICKETS_SETTLE, _P.QUOTES_MAKE, _P.REFUNDS_READ}
_MANAGER = (
    _AGENT
    | {_P.STAFF_READ, _P.CATALOG_MANAGE, _P.STOCK_RECEIVE, _P.WAREHOUSES_MANAGE, _P.LISTINGS_MANAGE, _P.PRICES_MANAGE}
    | {_P.CAMPAIGNS_MANAGE, _P.ORDERS_PLACE, _P.ORDERS_PAY, _P.ORDERS_AUDIT, _P.PROMISES_MANAGE}
    | {_P.FULFILLMENT_WORK, _P.FIGURES_READ, _P.TRAFFIC_RECORD}
)

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.STORE_MANAGER: _MANAGER,
    Role.AGENT: _AGENT,
    Role.AFTER_SALES_LEAD: _AGENT | {_P.FIGURES_READ},
    Role.DESIGNER: _LOOK | {_P.LISTINGS_MANAGE},
    Role.EDITOR: _LOOK | {_P.LISTINGS_MANAGE},
    Role.WAREHOUSE: _LOOK
    | {_P.STOCK_RECEIVE, _P.ORDERS_READ, _P.ORDERS_AUDIT, _P.FULFILLMENT_READ, _P.FULFILLMENT_WORK},
    Role.PROMOTER: _LOOK | {_P.CAMPAIGNS_MANAGE, _P.PRICES_MANAGE, _P.QUOTES_MAKE, _P.FIGURES_READ, _P.TRAFFIC_RECORD},
    Role.PURCHASING: _LOOK | {_P.CATALOG_MANAGE, _P.STOCK_RECEIVE},
    Role.FINANCE: _LOOK | {_P.ORDERS_READ, _P.REFUNDS_READ, _P.FIGURES_READ},
    Role.BRAND_OWNER: _LOOK
    | _ORDERS_LOOK
    | {_P.FIGURES_READ, _P.PRICES_MANAGE, _P.CAMPAIGNS_MANAGE, _P.ORDERS_AUDIT, _P.FULFILLMENT_WORK},
    Role.CHANNEL: frozenset(
        {_P.SELF, _P.STORES_READ, _P.CATALOG_READ, _P.LISTINGS_READ, _P.QUOTES_MAKE}
        | {_P.ORDERS_READ, _P.ORDERS_PLACE, _P.ORDERS_PAY, _P.ORDERS_CANCEL, _P.TRAFFIC_RECORD}
    ),
    Role.SERVICE: frozenset({_P.SELF, _P.STORES_READ, _P.QUOTES_MAKE, _P.STOCK_READ, _P.SPINE_OPERATE}),
}
"""Who may do what. A role that is not named here may do nothing."""

UNSCOPED = frozenset({_P.STORES_MANAGE, _P.STAFF_MANAGE, _P.KEYS_MANAGE, _P.SPINE_OPERATE})
"""Permissions that are not about particular stores: the grant's stores do not narrow them."""
