"""HTTP of people and their grants."""

from typing import Annotated

from fastapi import Path

from storeops.common.auth.permissions import Permission
from storeops.common.http.pages import Cursor, CursorMalformed, Limit, Page, decode_cursor, page_of
from storeops.common.http.routing import ServiceRouter
from storeops.platform.sessions import Read, Write
from storeops.platform.staff import commands, queries
from storeops.platform.staff.errors import GrantNotFound, LastOwner, LoginTaken, StaffInactive, StaffNotFound
from storeops.platform.staff.schemas import CreateStaff, GrantBody, GrantRead, StaffRead
from storeops.platform.stores.errors import UnknownBrand, UnknownStore

router = ServiceRouter("platform", tags=["staff"])

StaffId = Annotated[str, Path(pattern=r"^sta_[0-9a-f]{32}$")]
GrantId = Annotated[str, Path(pattern=r"^gra_[0-9a-f]{32}$")]


@router.endpoint(
    "POST",
    "/v1/staff",
    permission=Permission.STAFF_MANAGE,
    status=201,
    secret=True,
    errors=[LoginTaken, UnknownBrand, UnknownStore],
)
async def create_staff(body: CreateStaff, session: Write) -> StaffRead:
    """Take a person in, with a password of 12 to 200 characters and grants."""
    return await commands.create_staff(session, body)


@router.endpoint("GET", "/v1/staff", permission=Permission.STAFF_READ, errors=[CursorMalformed])
async def list_staff(session: Read, limit: Limit = 50, cursor: Cursor = None) -> Page[StaffRead]:
    """Who works in the caller's stores, oldest first."""
    [after] = decode_cursor(cursor, [str]) or [None]
    rows = await queries.list_staff(session, after=after, rows=limit + 1)
    return page_of(rows, limit, key=lambda person: [person.staff_id], item=lambda person: person)


@router.endpoint("GET", "/v1/staff/{staff_id}", permission=Permission.STAFF_READ, errors=[StaffNotFound])
async def read_staff(staff_id: StaffId, session: Read) -> StaffRead:
    """One person who works in one of the caller's stores."""
    return await queries.get_staff(session, staff_id)


@router.endpoint(
    "POST",
    "/v1/staff/{staff_id}/grants",
    permission=Permission.STAFF_MANAGE,
    status=201,
    errors=[StaffNotFound, StaffInactive, UnknownBrand, UnknownStore],
)
async def grant_role(staff_id: StaffId, body: GrantBody, session: Write) -> GrantRead:
    """Give a person a role; it holds from their next sign-in or token on."""
    return await commands.grant_role(session, staff_id, body)


@router.endpoint(
    "DELETE",
    "/v1/staff/{staff_id}/grants/{grant_id}",
    permission=Permission.STAFF_MANAGE,
    status=204,
    errors=[StaffNotFound, GrantNotFound, LastOwner],
)
async def revoke_grant(staff_id: StaffId, grant_id: GrantId, session: Write) -> None:
    """Take a grant from a person; tokens that hold it live on for at most ten minutes."""
    await commands.revoke_grant(session, staff_id, grant_id)


@router.endpoint(
    "POST",
    "/v1/staff/{staff_id}/deactivate",
    permission=Permission.STAFF_MANAGE,
    errors=[StaffNotFound, LastOwner],
)
async def deactivate_staff(staff_id: StaffId, session: Write) -> StaffRead:
    """Let a person go: they sign in no more and lose every grant."""
    return await commands.deactivate_staff(session, staff_id)
