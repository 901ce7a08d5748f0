"""`bullpen agents list` and `bullpen agents check`."""

from typing import Final

import typer

from bullpen.bootstrap import cast
from bullpen.cli.exits import told
from bullpen.cli.words import described
from bullpen.settings import Settings

__all__ = ["app"]

app: Final = typer.Typer(help="Look at the catalogue.", no_args_is_help=True)


@app.command("list")
def listed() -> None:
    """List the agents of the catalogue and the models they mean."""
    with told():
        found = cast(Settings.load())
    width = max(len(each.type) for each in found.catalogue)
    for each in found.catalogue:
        print(f"{each.type:{width}}  {found.catalogue.model(each.type):24}  {each.description}")


@app.command()
def check() -> None:
    """Check every agent, tool and model the configuration names, and tell of all mistakes at once."""
    with told():
        found = cast(Settings.load())
    count = len(found.catalogue)
    print(f"{count} agent{'s' * (count != 1)}, all in order. {described(found.models)}")
