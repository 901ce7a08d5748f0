"""The only rooms that know HTTP: they translate, make one call downstairs, and translate back."""

from bullpen.api.app import create_app

__all__ = ["create_app"]
