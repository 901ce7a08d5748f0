"""A program: `python -m tests.stubs.appends FOLDER MODE [DATABASE]` appends facts until it is killed."""

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from bullpen.outbox import Consumer, Outbox
from bullpen.outbox.local import LocalOutbox
from bullpen.outbox.shared import SharedOutbox
from bullpen.outbox.sql import OutboxTable
from bullpen.stores import open_engine
from bullpen.telemetry import Metrics
from bullpen.telemetry import logging as log
from tests.stubs.outbox import Hearer, fact

__all__: list[str] = []


async def append(outbox: Outbox) -> None:
    for group in count():
        names = [f"{os.getpid()}-{group}-{part}" for part in range(3)]
        await outbox.append([fact(name, size=350) for name in names])
        sys.stdout.write("".join(f"{name}\n" for name in names))
        sys.stdout.flush()


async def main(folder: Path, mode: str, database: str) -> None:
    consumers: dict[str, Consumer] = {"audit": Hearer(refusing=True)}
    if mode == "shared":
        engine = open_engine(database)
        table = OutboxTable(engine, topics=consumers)
        async with SharedOutbox(table, folder=folder, consumers=consumers, metrics=Metrics()) as shared:
            await append(shared)
    # Small files, so that several are left behind.
    disk = mode == "disk"
    async with LocalOutbox(
        folder, consumers=consumers, metrics=Metrics(), mode="disk" if disk else "process", segment_bytes=20_000
    ) as local:
        await append(local)


if __name__ == "__main__":
    log.configure(level="critical", environment="test", version="0")
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], "".join(sys.argv[3:])))
