"""What agents may use: an allow-list by name, read from `config/tools.yaml`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from agno.tools import Function, Toolkit
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from bullpen.agents.documents import Document, read
from bullpen.agents.mcp import McpConnection, McpServer
from bullpen.agents.sources import Unimportable, importable, load
from bullpen.errors import Misconfigured

__all__ = ["ToolEntry", "Toolbox"]


class ToolEntry(BaseModel):
    """One name in the toolbox.

    Attributes:
        toolkit: `module:Class` of an Agno toolkit, made with `arguments`.
        function: `module:function`; its signature and docstring are what the model is told.
        mcp: A server whose tools are all offered.
        description: For people.
        acts: It changes something in the world, so that doing it twice is worse than once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    toolkit: str | None = None
    function: str | None = None
    mcp: McpServer | None = None
    arguments: dict[str, Any] = {}
    description: str = ""
    acts: bool = True

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(each is not None for each in (self.toolkit, self.function, self.mcp)) != 1:
            raise ValueError("give one of `toolkit`, `function` or `mcp`")
        if self.arguments and self.toolkit is None:
            raise ValueError("`arguments` go with `toolkit`")
        return self


@dataclass(frozen=True, slots=True)
class _Tool:
    make: Callable[[], Any]
    calls: frozenset[str]


class Toolbox:
    """Tools by name.

    Whatever was wrong with the file is in `problems`, and the catalogue reports it with its own: all mistakes are
    told at once. A name with a mistake still counts as known. `acting` are the names of those that change something.
    """

    def __init__(self) -> None:
        self.problems: tuple[str, ...] = ()
        self.names: frozenset[str] = frozenset()
        self.acting: frozenset[str] = frozenset()
        self._tools: dict[str, _Tool] = {}
        self._connections: dict[str, McpConnection] = {}

    @classmethod
    def load(cls, file: Path) -> Self:
        """Reads `file`; one that does not exist is an empty toolbox.

        Every toolkit is made once, to see that its package is there and its arguments fit.
        """
        box = cls()
        if not file.exists():
            return box
        importable((Path.cwd(), file.parent.parent))
        documents, problems = read(file)
        for document in documents:
            problems += [
                document.problem(f"`{name}` is given twice", name) for name in document.data if name in box.names
            ]
            box.names |= document.data.keys()
            for name, value in document.data.items():
                problems += box._add(document, name, value)
        box.problems = tuple(problems)
        return box

    @property
    def calls(self) -> frozenset[str]:
        """The names models call; of an MCP server those it listed when it was connected."""
        listed = (connection.toolkit.functions for connection in self._connections.values() if connection.toolkit)
        return frozenset().union(*(tool.calls for tool in self._tools.values()), *listed)

    def tools(self, names: Iterable[str]) -> list[Any]:
        """What to hand an Agno agent: fresh toolkits each time, and the one connection of an MCP server."""
        return [self._tools[name].make() if name in self._tools else self._connected(name) for name in names]

    @property
    def servers(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """The MCP servers by name; each check raises `DependencyDown` while its server is away."""
        return {name: connection.check for name, connection in self._connections.items()}

    async def start(self) -> None:
        """Connects every MCP server; raises `Misconfigured` naming all that cannot be reached."""
        connections = self._connections.values()
        results = await asyncio.gather(*(each.start() for each in connections), return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        if not failed:
            return
        await self.stop()
        raise Misconfigured(*map(str, failed))

    async def stop(self) -> None:
        """Closes every connection."""
        await asyncio.gather(*(connection.stop() for connection in self._connections.values()))

    def _connected(self, name: str) -> Toolkit:
        toolkit = self._connections[name].toolkit
        if toolkit is None:
            raise Misconfigured(f"The MCP server `{name}` is not connected. Start the toolbox before building agents.")
        return toolkit

    def _add(self, document: Document, name: str, value: object) -> list[str]:
        try:
            entry = ToolEntry.model_validate(value)
        except ValidationError as error:
            return document.problems(error, fields=_FIELDS, under=(name,))
        if entry.acts:
            self.acting |= {name}
        if entry.mcp is not None:
            self._connections[name] = McpConnection(name, entry.mcp)
            return []
        try:
            self._tools[name] = _toolkit(entry) if entry.toolkit else _function(str(entry.function))
        except Unimportable as error:
            return [document.problem(f"`{name}`: {error}", name)]
        return []


_FIELDS = tuple(ToolEntry.model_fields) + tuple(McpServer.model_fields)


def _toolkit(entry: ToolEntry) -> _Tool:
    made = load(str(entry.toolkit))
    if not (isinstance(made, type) and issubclass(made, Toolkit)):
        raise Unimportable(f"`{entry.toolkit}` is not an Agno toolkit; write `function:` if it is a function")
    arguments: Mapping[str, Any] = entry.arguments
    try:
        toolkit = made(**arguments)
    except Exception as error:
        # A toolkit's constructor is foreign code and may raise anything, an ImportError first of all.
        raise Unimportable(f"`{entry.toolkit}` cannot be made: {type(error).__name__}: {error}") from error
    return _Tool(lambda: made(**arguments), frozenset(toolkit.functions) | frozenset(toolkit.async_functions))


def _function(reference: str) -> _Tool:
    found = load(reference)
    if isinstance(found, Function):
        return _Tool(lambda: found, frozenset({found.name}))
    if isinstance(found, type) or not callable(found):
        raise Unimportable(f"`{reference}` is not a function")
    return _Tool(lambda: found, frozenset({str(getattr(found, "__name__", reference))}))
