"""Reading people and their grants. A caller who sees some stores sees who works there, and no more of their grants."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlmodel import col, or_, select

from storeops.common.auth.permissions import Role
from storeops.common.db import ReadSession
from storeops.platform.staff.errors import StaffNotFound
from storeops.platform.staff.models import Staff, StaffGrant
from storeops.platform.staff.rules import touches
from storeops.platform.staff.schemas import GrantRead, GrantScope, StaffRead
from storeops.platform.stores.queries import brands_of_stores


class Credentials(NamedTuple):
    """What signing in needs to know of a person."""

    staff_id: str
    password_hash: str


async def list_staff(session: ReadSession, *, after: str | None, rows: int) -> list[StaffRead]:
    """People by id, narrowed to those who work in the caller's stores."""
    query = select(Staff).order_by(col(Staff.staff_id)).limit(rows)
    if after is not None:
        query = query.where(col(Staff.staff_id) > after)
    if session.scope.stores is not None:
        stores = session.scope.stores
        brands = await brands_of_stores(session, stores)
        working_there = select(StaffGrant.staff_id).where(
            or_(
                StaffGrant.scope == GrantScope.ALL,
                col(StaffGrant.store_ids).op("&&")(list(stores)),
                col(StaffGrant.brand_ids).op("&&")(list(brands)),
            )
        )
        query = query.where(col(Staff.staff_id).in_(working_there))
    return await _with_grants(session, (await (await session.orm()).exec(query)).all())


async def get_staff(session: ReadSession, staff_id: str) -> StaffRead:
    """A person with grants; raises `StaffNotFound` (404), also for one who works in none of the caller's stores."""
    [shown] = await _with_grants(session, [await get_person(session, staff_id)])
    if session.scope.stores is not None and not shown.grants:
        raise _nobody(staff_id)
    return shown


async def get_person(session: ReadSession, staff_id: str, *, for_update: bool = False) -> Staff:
    """A person's own row, locked when it is to be changed; raises `StaffNotFound` (404)."""
    query = select(Staff).where(Staff.staff_id == staff_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    person = (await (await session.orm()).exec(query)).one_or_none()
    if person is None:
        raise _nobody(staff_id)
    return person


async def grants_of(session: ReadSession, staff_ids: Sequence[str]) -> Sequence[StaffGrant]:
    """Every grant of these people, in the order given."""
    query = select(StaffGrant).where(col(StaffGrant.staff_id).in_(staff_ids)).order_by(col(StaffGrant.grant_id))
    return (await (await session.orm()).exec(query)).all()


async def lock_owners(session: ReadSession) -> Sequence[StaffGrant]:
    """Every owner's grant, held until commit, so that two owners cannot remove each other at once."""
    query = select(StaffGrant).where(StaffGrant.role == Role.OWNER).order_by(col(StaffGrant.grant_id)).with_for_update()
    return (await (await session.orm()).exec(query)).all()


async def anybody_there(session: ReadSession) -> bool:
    """Whether the installation has staff."""
    return bool(await session.fetchval("SELECT EXISTS (SELECT FROM platform.staff)"))


async def credentials_of(session: ReadSession, login: str) -> Credentials | None:
    """What an active person signs in with; `login` in lower case."""
    row = await session.fetchrow(
        "SELECT s.staff_id, p.hash FROM platform.staff AS s JOIN platform.staff_password AS p USING (staff_id) "
        "WHERE s.login = $1 AND s.active",
        login,
    )
    return None if row is None else Credentials(*row)


async def _with_grants(session: ReadSession, people: Sequence[Staff]) -> list[StaffRead]:
    stores = session.scope.stores
    brands = frozenset[str]() if stores is None else await brands_of_stores(session, stores)
    shown: dict[str, list[GrantRead]] = {person.staff_id: [] for person in people}
    for grant in await grants_of(session, list(shown)):
        if stores is None:
            shown[grant.staff_id].append(GrantRead.of(grant))
        elif touches(grant, stores, brands):
            shown[grant.staff_id].append(_seen_from(grant, stores, brands))
    return [StaffRead.of(person, shown[person.staff_id]) for person in people]


def _seen_from(grant: StaffGrant, stores: Collection[str], brands: Collection[str]) -> GrantRead:
    within = {
        "store_ids": [store for store in grant.store_ids if store in stores],
        "brand_ids": [brand for brand in grant.brand_ids if brand in brands],
    }
    return GrantRead.of(grant).model_copy(update=within)


def _nobody(staff_id: str) -> StaffNotFound:
    return StaffNotFound(f"no staff {staff_id}")
