"""Bullpen serves Agno agents in production."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("bullpen")
