"""Toys over HTTP."""

from functions.toys.kinds import TOY
from pydantic import BaseModel, ConfigDict

from functions.serve import serve
from shared.access.roles import Role
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.routes import Owner, Route


class ToyRequest(BaseModel):
    """A toy to make."""

    model_config = ConfigDict(extra="forbid")

    name: str


class ToyBody(BaseModel):
    """A toy."""

    id: str
    status: str


MAKE = Route(
    "POST", "/toys", "Make a toy", Role.TENANTS_WRITE, owner=Owner.CALLER, request=ToyRequest, response=ToyBody, status=202, repeatable=True
)
GET = Route("GET", "/toys/{id}", "One toy", Role.TENANTS_READ, owner=Owner.OPERATION, kind=TOY, response=ToyBody)


@serve(MAKE)
async def make_toy(call: Call[ToyRequest]) -> HttpAnswer:
    """Make a toy."""
    from functions.toys.service import Toys

    operation = await call.of(Toys).make(call.caller.tenant, call.document, call.caller.actor, call.key)
    return call.accepted(operation, ToyBody(id=operation.id, status=str(operation.status)).model_dump())


@serve(GET)
async def get_toy(call: Call[None]) -> HttpAnswer:
    """Return one toy."""
    return call.ok(ToyBody(id=call.operation.id, status=str(call.operation.status)).model_dump())
