"""Takes people in, grants and revokes roles, lets people go. Knows passwords only to hash them; issues no token."""

from collections.abc import Sequence

from pydantic import ValidationError

from storeops.common.auth.permissions import Role
from storeops.common.contracts.platform import StaffGranted, StaffRevoked
from storeops.common.db import WriteSession
from storeops.common.ids import new_id
from storeops.common.outbox import publish
from storeops.platform.staff import queries
from storeops.platform.staff.errors import FirstOwnerInvalid, GrantNotFound, LastOwner, LoginTaken, StaffInactive
from storeops.platform.staff.models import Staff, StaffGrant, StaffPassword
from storeops.platform.staff.passwords import hash_password
from storeops.platform.staff.schemas import CreateStaff, GrantBody, GrantRead, GrantScope, StaffRead
from storeops.platform.stores.errors import UnknownBrand, UnknownStore
from storeops.platform.stores.queries import unknown_brands, unknown_stores


async def create_staff(session: WriteSession, terms: CreateStaff) -> StaffRead:
    """Take a person in, with grants; raises `LoginTaken` (409), `UnknownBrand` and `UnknownStore` (422)."""
    # Before anything is read: the session takes its connection at first use, and hashing takes long.
    encoded = await hash_password(terms.password.get_secret_value())
    await require_known_places(session, terms.grants)
    person = Staff(
        staff_id=new_id("sta"),
        login=terms.login,
        name=terms.name,
        active=True,
        created_at=await session.now(),
        event_sequence=0,
    )
    created = await session.fetchval(
        "INSERT INTO platform.staff (staff_id, login, name, active, created_at, event_sequence) "
        "VALUES ($1, $2, $3, true, $4, $5) ON CONFLICT (login) DO NOTHING RETURNING 1",
        person.staff_id,
        person.login,
        person.name,
        person.created_at,
        len(terms.grants),
    )
    if created is None:
        message = f"somebody signs in as {terms.login!r} already"
        raise LoginTaken(message)
    (await session.orm()).add(StaffPassword(staff_id=person.staff_id, hash=encoded))
    given = [await _give(session, person, grant) for grant in terms.grants]
    return StaffRead.of(person, [GrantRead.of(grant) for grant in given])


async def ensure_owner(session: WriteSession, *, login: str, password: str) -> str | None:
    """On an installation without staff, take in its first owner; answers the new id, or None when there is staff.

    Raises `FirstOwnerInvalid` (422) when login or password are not such as `CreateStaff` asks for.
    """
    if await queries.anybody_there(session):
        return None
    everything = GrantBody(role=Role.OWNER, scope=GrantScope.ALL)
    try:
        terms = CreateStaff.model_validate(
            {"login": login, "name": login, "password": password, "grants": [everything]}
        )
    except ValidationError as error:
        # Without its cause, whose text holds the password.
        reasons = "; ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())
        raise FirstOwnerInvalid(reasons) from None
    try:
        return (await create_staff(session, terms)).staff_id
    except LoginTaken:
        # Another process of the installation started at the same moment.
        return None


async def grant_role(session: WriteSession, staff_id: str, terms: GrantBody) -> GrantRead:
    """Give a person a role somewhere.

    Raises `StaffNotFound` (404), `StaffInactive` (409), `UnknownBrand` and `UnknownStore` (422).
    """
    person = await queries.get_person(session, staff_id, for_update=True)
    if not person.active:
        message = f"{person.login} has left"
        raise StaffInactive(message)
    await require_known_places(session, [terms], at="/body")
    return GrantRead.of(await _give(session, person, terms))


async def revoke_grant(session: WriteSession, staff_id: str, grant_id: str) -> None:
    """Take a grant from a person; raises `StaffNotFound`, `GrantNotFound` (404) and `LastOwner` (409).

    Tokens that hold the grant live on for their ten minutes.
    """
    person = await queries.get_person(session, staff_id, for_update=True)
    taken = [grant for grant in await queries.grants_of(session, [staff_id]) if grant.grant_id == grant_id]
    if not taken:
        message = f"{staff_id} has no grant {grant_id}"
        raise GrantNotFound(message)
    await _take(session, person, taken)


async def deactivate_staff(session: WriteSession, staff_id: str) -> StaffRead:
    """Let a person go: they sign in no more and lose every grant; done twice it changes nothing.

    Raises `StaffNotFound` (404) and `LastOwner` (409).
    """
    person = await queries.get_person(session, staff_id, for_update=True)
    person.active = False
    await _take(session, person, await queries.grants_of(session, [staff_id]))
    return StaffRead.of(person, [])


async def require_known_places(session: WriteSession, grants: Sequence[GrantBody], *, at: str = "/body/grants") -> None:
    """Refuse grants over brands or stores that do not exist (422), naming each; `at` is where the grants lie."""
    brands = await unknown_brands(session, {brand for grant in grants for brand in grant.brand_ids})
    stores = await unknown_stores(session, {store for grant in grants for store in grant.store_ids})
    pointers = [at] if at == "/body" else [f"{at}/{i}" for i in range(len(grants))]
    for unknown, error, field in ((brands, UnknownBrand, "brand_ids"), (stores, UnknownStore, "store_ids")):
        errors = [
            {"pointer": f"{pointer}/{field}/{i}", "value": place, "expected": f"one of the {field} there are"}
            for pointer, grant in zip(pointers, grants, strict=True)
            for i, place in enumerate(getattr(grant, field))
            if place in unknown
        ]
        if errors:
            message = f"unknown: {', '.join(sorted(unknown))}"
            raise error(message, errors=errors)


async def _give(session: WriteSession, person: Staff, terms: GrantBody) -> StaffGrant:
    grant = StaffGrant(
        grant_id=new_id("gra"),
        staff_id=person.staff_id,
        role=terms.role,
        scope=terms.scope,
        brand_ids=terms.brand_ids,
        store_ids=terms.store_ids,
        created_at=await session.now(),
    )
    (await session.orm()).add(grant)
    person.event_sequence += 1
    event = StaffGranted(
        occurred_at=grant.created_at,
        staff_id=person.staff_id,
        grant_id=grant.grant_id,
        role=grant.role,
        scope=grant.scope,
        brand_ids=tuple(grant.brand_ids),
        store_ids=tuple(grant.store_ids),
    )
    publish(session, event, sequence=person.event_sequence)
    return grant


async def _take(session: WriteSession, person: Staff, grants: Sequence[StaffGrant]) -> None:
    taken = {grant.grant_id for grant in grants if grant.role == Role.OWNER}
    if taken and not any(owner.grant_id not in taken for owner in await queries.lock_owners(session)):
        message = f"{person.login} is the last owner"
        raise LastOwner(message)
    orm = await session.orm()
    for grant in grants:
        await orm.delete(grant)
        person.event_sequence += 1
        event = StaffRevoked(
            occurred_at=await session.now(), staff_id=person.staff_id, grant_id=grant.grant_id, role=grant.role
        )
        publish(session, event, sequence=person.event_sequence)
