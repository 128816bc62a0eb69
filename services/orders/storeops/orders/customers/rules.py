"""How phones and addresses are compared without being readable, and what of them may be told. Pure: the key is an
argument.
"""

import hmac
import re
from typing import NamedTuple

NOT_DIGIT = re.compile(r"\D")
NOT_WORD = re.compile(r"[\W_]+")
CHINA_PREFIX = re.compile(r"^(?:00)?86(?=1\d{10}$)")
PROVINCES = frozenset({
    "北京", "天津", "河北", "山西", "内蒙古", "辽宁", "吉林", "黑龙江", "上海", "江苏", "浙江", "安徽",
    "福建", "江西", "山东", "河南", "湖北", "湖南", "广东", "广西", "海南", "重庆", "四川", "贵州",
    "云南", "西藏", "陕西", "甘肃", "青海", "宁夏", "新疆", "台湾", "香港", "澳门",
})  # fmt: skip
"""The provinces, municipalities and regions of China, in short."""
PROVINCE_RANK = re.compile("(?:省|市|(?:壮族|回族|维吾尔)?自治区|特别行政区)$")


class ContactFacts(NamedTuple):
    """Whom and where to an order goes; anything may be missing from a channel's order."""

    account: str | None = None
    name: str | None = None
    phone: str | None = None
    province: str | None = None
    city: str | None = None
    district: str | None = None
    street: str | None = None
    postcode: str | None = None
    remark: str | None = None

    @property
    def address(self) -> str:
        """The address in one line; empty when there is none."""
        return " ".join(filter(None, (self.province, self.city, self.district, self.street)))


def normal_phone(phone: str) -> str:
    """The digits of a phone, without China's prefix: `+86 161 0000-0001` and `16100000001` are the same."""
    return CHINA_PREFIX.sub("", NOT_DIGIT.sub("", phone))


def normal_address(address: str) -> str:
    """An address without the spaces and punctuation that people put in differently."""
    return NOT_WORD.sub("", address).casefold()


def known_province(text: str | None) -> str | None:
    """The short name of the Chinese province that a field names, else None: buyers and channels write anything there.

    `浙江省` and `浙江` are the same.
    """
    name = PROVINCE_RANK.sub("", text.strip()) if text else ""
    return name if name in PROVINCES else None


def keyed_print(key: str, purpose: str, value: str) -> str:
    """A digest that compares equal values and tells nothing to who lacks the key (HMAC-SHA256)."""
    return hmac.new(key.encode(), f"{purpose}:{value}".encode(), "sha256").hexdigest()


def phone_print(key: str, contact: ContactFacts) -> str | None:
    """The print of the phone, if there is one."""
    return keyed_print(key, "phone", normal_phone(contact.phone)) if contact.phone else None


def address_print(key: str, contact: ContactFacts) -> str | None:
    """The print of the address, if there is one."""
    return keyed_print(key, "address", normal_address(contact.address)) if contact.address else None


def identity_of(key: str, store_id: str, contact: ContactFacts) -> str | None:
    """By what a store knows the buyer again: the channel account, else the phone; None when there is neither.

    The store is part of it, so that nobody is recognised across stores.
    """
    if contact.account:
        return keyed_print(key, "account", f"{store_id}:{contact.account}")
    return keyed_print(key, "caller", f"{store_id}:{normal_phone(contact.phone)}") if contact.phone else None
