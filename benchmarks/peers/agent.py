"""The one agent every Agno system here runs: built once, shared by all requests, telemetry off.

The words and settings are those of benchmarks/config/agents/general.yaml.
"""

from agno.agent import Agent
from agno.models.openai import OpenAILike
from openai import AsyncOpenAI, DefaultAioHttpClient

__all__ = ["make_agent"]


def make_agent(*, base_url: str, client: str) -> Agent:
    """`client` is `httpx`, as the SDK makes it by default, or `aiohttp`, the one that Bullpen uses."""
    injected = None
    if client == "aiohttp":
        injected = AsyncOpenAI(api_key="none", base_url=base_url, max_retries=0, http_client=DefaultAioHttpClient())
    model = OpenAILike(
        id="stub",
        api_key="none",
        base_url=base_url,
        temperature=0.1,
        max_tokens=2048,
        async_client=injected,
    )
    instructions = "You are a helpful assistant. Answer briefly."
    return Agent(id="general", name="general", model=model, instructions=instructions, telemetry=False)
