"""The cast, ready to work: models, tools, agents and the pool. Enough for `bullpen run`."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from typing import Any

from bullpen import __version__
from bullpen.agents import Builder, Runner
from bullpen.bootstrap.cast import Cast, cast
from bullpen.execution import Authority, Execution
from bullpen.execution.record import Observe, unobserved
from bullpen.llm import Makers
from bullpen.outbox.nowhere import Nowhere
from bullpen.pool import Places, Pool
from bullpen.pool.local import LocalPool
from bullpen.security.audit import Audit
from bullpen.security.authorization.cedar import CedarPolicy
from bullpen.security.authorization.document import policies_in
from bullpen.settings import Settings
from bullpen.telemetry import logging as log

__all__ = ["Crew", "crew", "members", "prepared", "work"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew(Cast):
    """What a run needs, and no more."""

    pool: Pool
    authority: Authority
    audit: Audit
    execution: Execution


@asynccontextmanager
async def crew(settings: Settings, *, providers: Makers | None = None) -> AsyncIterator[Crew]:
    """A crew for whoever owns the machine: nothing is audited, for there is nobody else. Raises what `cast` does."""
    with prepared(settings):
        found = cast(settings, providers=providers)
        audit = Audit(Nowhere())
        authority = Authority(CedarPolicy(policies_in(settings.config_dir)), audit=audit, metrics=found.metrics)
        async with work(settings, found, authority=authority, audit=audit) as works:
            yield works


@asynccontextmanager
async def work(
    settings: Settings,
    found: Cast,
    *,
    authority: Authority,
    audit: Audit,
    observe: Observe = unobserved,
    places: Places | None = None,
) -> AsyncIterator[Crew]:
    """Opens what the cast needs to work.

    Args:
        settings: What the operator set.
        found: Who can work.
        authority: Who may.
        audit: Where it is recorded.
        observe: Hears of every run.
        places: Of agents with `max_concurrent`; without, this process counts for itself.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(found.models.aclose)
        await found.toolbox.start()
        stack.push_async_callback(found.toolbox.stop)
        builder = Builder(found.catalogue, models=found.models, toolbox=found.toolbox, metrics=found.metrics)
        pool = LocalPool(
            kinds=builder.kinds(),
            size=settings.max_concurrent_agents,
            max_wait=settings.pool.max_wait,
            max_waiting=settings.pool.max_waiting,
            idle_after=settings.pool.idle_after,
            ageing=settings.pool.ageing,
            tenant_share=settings.pool.tenant_share,
            tenant_weights=settings.pool.tenant_weights,
            places=places,
            metrics=found.metrics,
        )
        await pool.open()
        stack.push_async_callback(pool.aclose)
        execution = Execution(
            catalogue=found.catalogue,
            pool=pool,
            runner=Runner(),
            authority=authority,
            audit=audit,
            metrics=found.metrics,
            observe=observe,
            together=settings.batch.size,
            together_wait=settings.batch.wait,
        )
        stack.push_async_callback(execution.aclose)
        yield Crew(**members(found), pool=pool, authority=authority, audit=audit, execution=execution)


def members(opened: Cast) -> dict[str, Any]:
    """What has been opened so far, by name."""
    return {each.name: getattr(opened, each.name) for each in fields(opened)}


@contextmanager
def prepared(settings: Settings) -> Iterator[None]:
    """What holds for the whole process: its log, its threads for tools, and its silence towards Agno's makers."""
    log.configure(
        level=settings.log_level,
        environment=settings.environment,
        version=__version__,
        json=settings.log_format == "json",
    )
    # Agno reports to its makers unless the environment says no; an argument of ours would lose against it (trap T17).
    os.environ["AGNO_TELEMETRY"] = "false"
    # Agno runs synchronous tools in the loop's default executor, which has 6 threads on two cores (trap T15).
    threads = ThreadPoolExecutor(settings.tool_threads, thread_name_prefix="tool")
    asyncio.get_running_loop().set_default_executor(threads)
    try:
        yield
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
