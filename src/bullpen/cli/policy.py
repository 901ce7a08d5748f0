"""`bullpen policy check` and `bullpen policy explain`."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from bullpen.caller import Caller
from bullpen.cli.exits import FAILED, told
from bullpen.cli.words import named_value
from bullpen.security.authentication.identity import DEFAULT_TENANT
from bullpen.security.authorization import HOUSE, Resource
from bullpen.security.authorization.document import policies_in, read_policies
from bullpen.security.authorization.explanation import explain
from bullpen.security.authorization.policies import Policies
from bullpen.settings import Settings

__all__ = ["app"]

app: Final = typer.Typer(help="Look at the policy file.", no_args_is_help=True)

_FILE: Final = typer.Option(help="The policy file; the one in CONFIG_DIR, or else the built-in one, when not given.")


@app.command()
def check(file: Annotated[Path | None, _FILE] = None) -> None:
    """Check the policy file, and tell of all mistakes at once."""
    with told():
        found = _policies(file)
    sys.stderr.write("".join(f"bullpen: {warning}\n" for warning in found.warnings))
    count = len(found.rules)
    print(f"ok, {count} policies, roles {', '.join(found.roles) or '(none)'}")


@app.command("explain")
def explained(
    user: Annotated[str, typer.Argument(help="Who asks.")],
    action: Annotated[str, typer.Argument(help="The permission, such as `agent:execute:basic`.")],
    resource: Annotated[str, typer.Argument(help="What for: `agent/coder`, `audit`, or `house` for no tenant's.")],
    role: Annotated[list[str] | None, typer.Option(help="A role of the user; may be repeated.")] = None,
    tenant: Annotated[str, typer.Option(help="The user's tenant.")] = DEFAULT_TENANT,
    permission: Annotated[list[str] | None, typer.Option(help="Granted beside the roles; may be repeated.")] = None,
    attribute: Annotated[list[str] | None, typer.Option(help="`name=value`; digits are a number.")] = None,
    owner: Annotated[str | None, typer.Option(help="Whose own the resource is.")] = None,
    department: Annotated[str | None, typer.Option(help="The department the resource belongs to.")] = None,
    resource_tenant: Annotated[str | None, typer.Option(help="The resource's tenant; the user's if not given.")] = None,
    file: Annotated[Path | None, _FILE] = None,
    *,
    mfa: Annotated[bool, typer.Option("--mfa", help="The user proved who they are by more than one factor.")] = False,
) -> None:
    """Say whether a user may do something, and which rule decides or what is missing. Exit code 1 when they may not."""
    with told():
        caller = Caller(
            user_id=user,
            tenant=tenant,
            credential="cli",
            roles=frozenset(role or ()),
            permissions=frozenset(permission or ()),
            attributes=dict(map(named_value, attribute or ())),
            factors=frozenset({"mfa"} if mfa else ()),
        )
        kind, _, number = resource.partition("/")
        asked = Resource(kind, number, resource_tenant or tenant, owner, department)
        found = explain(_policies(file), caller, action, HOUSE if resource == HOUSE.kind else asked)
    print("\n".join(found.lines))
    if not found.decision.allowed:
        raise typer.Exit(FAILED)


def _policies(file: Path | None) -> Policies:
    return read_policies(file) if file else policies_in(Settings.load(log_level="WARNING").config_dir)
