"""`bullpen keys create`: an API key, shown once."""

import asyncio
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from functools import partial
from typing import Annotated, Final

import typer

from bullpen.bootstrap import key_store, known_roles
from bullpen.cli.exits import told
from bullpen.clock import SystemClock
from bullpen.errors import Misconfigured
from bullpen.security.authentication import KeyRecord, issue
from bullpen.security.authentication.identity import DEFAULT_TENANT
from bullpen.security.authentication.keys import ApiKey
from bullpen.settings import Settings

__all__ = ["app"]

app: Final = typer.Typer(help="Manage API keys.", no_args_is_help=True)

_DAY: Final = 86_400
_ROLES: Final = "admin, developer, analyst or user; may be repeated. Without it and --permission: user."


@app.callback()
def keys() -> None:
    """Manage API keys."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call the key.")],
    user: Annotated[str | None, typer.Option(help="Its owner; the key's name when not given.")] = None,
    tenant: Annotated[str, typer.Option(help="The owner's tenant.")] = DEFAULT_TENANT,
    role: Annotated[list[str] | None, typer.Option(help=_ROLES)] = None,
    permission: Annotated[list[str] | None, typer.Option(help="Beside those of the roles; may be repeated.")] = None,
    days: Annotated[float | None, typer.Option(help="Days until it expires; never when not given.")] = None,
) -> None:
    """Create an API key and print it. It is kept nowhere in the clear, so it cannot be shown again."""
    with told():
        _refuse_unknown(role or ())
        settings = Settings.load(log_level="WARNING")
        make = partial(
            issue,
            now=SystemClock().now(),
            name=name,
            user_id=name if user is None else user,
            tenant=tenant,
            roles=role or (() if permission else ("user",)),
            permissions=permission or [],
            lifetime=None if days is None else days * _DAY,
        )
        # Standard output is for the key alone, so that a script can take it; what is logged meanwhile goes aside.
        with redirect_stdout(sys.stderr):
            key = asyncio.run(_create(settings, make))
    print(key.text)


def _refuse_unknown(roles: Iterable[str]) -> None:
    """A role that is not in the table grants nothing; nobody asks for that on purpose."""
    unknown = sorted(set(roles) - set(known_roles()))
    if unknown:
        raise Misconfigured(f"There is no role `{'` or `'.join(unknown)}`. There are {', '.join(known_roles())}.")


async def _create(settings: Settings, make: Callable[..., tuple[ApiKey, KeyRecord]]) -> ApiKey:
    async with key_store(settings) as (store, pepper):
        key, record = make(pepper=pepper)
        await store.add(record)
    return key
