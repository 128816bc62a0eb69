"""The demo's brands, shops and warehouses. Invented, except that `Shop.number` is the one real baskets carry."""

from typing import NamedTuple

ZONE = "Asia/Shanghai"
CURRENCY = "USD"
"""The data's money is US dollars; converting it would invent figures."""


class Brand(NamedTuple):
    """A brand the shops sell under."""

    code: str
    name: str


class Warehouse(NamedTuple):
    """A warehouse, named by its city."""

    code: str
    name: str


class Shop(NamedTuple):
    """A shop; `number` is the one baskets carry, `warehouses` are asked in this order."""

    number: int
    code: str
    name: str
    brand: str
    channel: str
    warehouses: tuple[str, ...]


BRANDS = (Brand("qinghe", "青禾"), Brand("shanlan", "山岚"), Brand("haitang", "海棠"))

WAREHOUSES = (Warehouse("HZ", "杭州仓"), Warehouse("GZ", "广州仓"), Warehouse("TJ", "天津仓"))

SHOPS = (
    Shop(0, "qinghe-tmall", "青禾天猫旗舰店", "qinghe", "tmall", ("HZ", "GZ")),
    Shop(1, "qinghe-jd", "青禾京东自营店", "qinghe", "jd", ("TJ",)),
    Shop(2, "qinghe-own", "青禾官网商城", "qinghe", "own", ("HZ",)),
    Shop(3, "shanlan-tmall", "山岚天猫旗舰店", "shanlan", "tmall", ("GZ",)),
    Shop(4, "shanlan-taobao", "山岚淘宝店", "shanlan", "taobao", ("HZ",)),
    Shop(5, "shanlan-own", "山岚官网商城", "shanlan", "own", ("GZ",)),
    Shop(6, "haitang-tmall", "海棠天猫旗舰店", "haitang", "tmall", ("TJ", "HZ")),
    Shop(7, "haitang-own", "海棠官网商城", "haitang", "own", ("TJ",)),
)

OWN_SITE_SHOPS = tuple(shop.number for shop in SHOPS if shop.channel == "own")
