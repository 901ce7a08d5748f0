"""Switching off every retry that is not ours, for retries multiply: twelve calls were made for one (trap T10)."""

from typing import Any, Final

from agno.models.base import Model

__all__ = ["once"]

_CLIENTS: Final = ("client", "async_client")


def once(model: Model) -> None:
    """Makes `model` try once: neither Agno nor the SDK tries again, and Agno's file cache (trap T20) is off."""
    provider: Any = model
    provider.retries = 0
    provider.cache_response = False
    if hasattr(model, "max_retries"):
        provider.max_retries = 0
    elif hasattr(model, "client_params"):
        provider.client_params = {**(provider.client_params or {}), "max_retries": 0}
    for name in _CLIENTS:
        client: Any = getattr(model, name, None)
        if hasattr(client, "max_retries"):
            client.max_retries = 0
