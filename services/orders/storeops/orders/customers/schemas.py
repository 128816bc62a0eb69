"""Contacts in bodies and answers."""

from typing import Annotated

from pydantic import BaseModel, Field

from storeops.common.http.bodies import NAME, Body
from storeops.orders.customers.rules import ContactFacts

PLACE = Annotated[str, Field(min_length=1, max_length=60)]
PHONE = Annotated[str, Field(min_length=5, max_length=32, pattern=r"^[0-9+() -]*[0-9][0-9+() -]*$")]
ACCOUNT = Annotated[str, Field(min_length=1, max_length=200)]
STREET = Annotated[str, Field(min_length=1, max_length=300)]
POSTCODE = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[A-Za-z0-9 -]+$")]
REMARK = Annotated[str, Field(min_length=1, max_length=1000)]


class Address(Body):
    """Where a parcel goes."""

    province: PLACE
    city: PLACE
    district: PLACE
    street: STREET
    postcode: POSTCODE | None = None


class Buyer(Body):
    """The buyer of an own site: reachable, with an address."""

    account: ACCOUNT | None = None
    name: NAME
    phone: PHONE
    address: Address


class PartialAddress(Body):
    """An address as a channel gives it: what lacks is found by the audit."""

    province: PLACE | None = None
    city: PLACE | None = None
    district: PLACE | None = None
    street: STREET | None = None
    postcode: POSTCODE | None = None


class ChannelBuyer(Body):
    """The buyer as a channel names them: by account or phone at least."""

    account: ACCOUNT | None = None
    name: NAME | None = None
    phone: PHONE | None = None
    address: PartialAddress = PartialAddress()


class ContactRead(BaseModel):
    """Whom and where to an order goes."""

    account: str | None
    name: str | None
    phone: str | None
    province: str | None
    city: str | None
    district: str | None
    street: str | None
    postcode: str | None
    remark: str | None


def contact_facts(buyer: Buyer | ChannelBuyer, remark: str | None) -> ContactFacts:
    """The contact of a body."""
    place = buyer.address
    return ContactFacts(
        buyer.account,
        buyer.name,
        buyer.phone,
        place.province,
        place.city,
        place.district,
        place.street,
        place.postcode,
        remark,
    )
