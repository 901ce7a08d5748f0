"""The command line: `bullpen serve`, `run`, `agents`, `keys`, `audit`, `policy` and `migrate`.

Exit codes: 0 for success, 1 for something that failed, 2 for something the operator must change.
"""

import typer

from bullpen.cli import agents, audit, keys, migrate, policy, run, serve

__all__ = ["app"]

app = typer.Typer(
    name="bullpen",
    help="Serves Agno agents in production.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("run")(run.run)
app.add_typer(agents.app, name="agents")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(policy.app, name="policy")
app.command("migrate")(migrate.migrate)
