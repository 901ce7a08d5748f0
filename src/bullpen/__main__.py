"""`python -m bullpen`."""

from bullpen.cli import app

app()
