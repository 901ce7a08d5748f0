"""A client for OpenAI's chat wire and nothing else, on aiohttp: a third of the SDK's time for a call.

Agno takes it where it takes the SDK's client, and goes on forming requests and reading answers itself. What Agno reads
off the SDK's objects is here too; `tests/contract/test_clients.py` holds both to the same answers and failures.
"""

from bullpen.llm.slim.client import SlimClient

__all__ = ["SlimClient"]
