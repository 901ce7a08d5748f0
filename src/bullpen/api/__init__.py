"""The only rooms that know HTTP: they translate, make one call downstairs, and translate back."""

from bullpen.api.app import create_app
from bullpen.api.connection import Connection, Connections

__all__ = ["Connection", "Connections", "create_app"]
