"""Every agent type this server knows, read from a folder of YAML files."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agno.models.base import Model
from pydantic import BaseModel, ValidationError

from bullpen.agents.definition import AgentDefinition
from bullpen.agents.documents import Document, Step, read
from bullpen.agents.output import OutputSchema
from bullpen.agents.sources import Source, Unimportable, importable, load, takes_tools
from bullpen.agents.tools import Toolbox
from bullpen.agents.walker import bare
from bullpen.errors import InvalidRequest, Misconfigured, UnknownAgent
from bullpen.llm import CallSettings, Models
from bullpen.spelling import meant

__all__ = ["Catalogue"]


_SUFFIX: Final = ".yaml"


@dataclass(frozen=True, slots=True)
class _Entry:
    definition: AgentDefinition
    schema: OutputSchema | None
    source: Source | None
    model: str


class Catalogue:
    """Agent types by name, all of them checked."""

    def __init__(self, entries: Iterable[_Entry]) -> None:
        self._entries = {entry.definition.type: entry for entry in entries}

    @classmethod
    def load(cls, folder: Path, *, models: Models, toolbox: Toolbox) -> "Catalogue":
        """Reads every `*.yaml` in `folder`, one agent a document; files whose name begins with a dot are not looked at.

        Raises:
            Misconfigured: With every mistake in these files and in the toolbox's, each as `file:line: what is wrong`.
        """
        if not folder.is_dir():
            raise Misconfigured(*toolbox.problems, f"{folder}: there is no such folder of agents. Set CONFIG_DIR.")
        importable((Path.cwd(), folder.parent.parent))
        reader = _Reader(models, toolbox)
        entries = [entry for file in _files(folder) for entry in reader.entries(file)]
        problems = [*toolbox.problems, *reader.problems]
        if not entries and not problems:
            problems.append(f"{folder}: there is no agent in it. Add a YAML file, or set CONFIG_DIR.")
        if problems:
            raise Misconfigured(*problems)
        return cls(entries)

    def __iter__(self) -> Iterator[AgentDefinition]:
        return (entry.definition for entry in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, agent_type: str) -> AgentDefinition | None:
        """The definition of that type, if there is one."""
        entry = self._entries.get(agent_type)
        return None if entry is None else entry.definition

    def unknown(self, agent_type: str, *, visible: Collection[str]) -> UnknownAgent:
        """The error for a type that is not there, naming those the caller may use."""
        known = ", ".join(name for name in self._entries if name in visible)
        listed = f"You may use: {known}." if known else "There is none you may use."
        return UnknownAgent(f"There is no agent type `{agent_type[:64]}`. {listed}")

    def model(self, agent_type: str) -> str:
        """The id of the model a known type begins with."""
        return self._entries[agent_type].model

    def schema(self, agent_type: str) -> OutputSchema | None:
        """The output schema of a known type, its definition's or its Python object's."""
        return self._entries[agent_type].schema

    def source(self, agent_type: str) -> Source | None:
        """The Python object of a known type, if it has one."""
        return self._entries[agent_type].source


class _Reader:
    """Collects entries and, instead of stopping at the first, problems."""

    def __init__(self, models: Models, toolbox: Toolbox) -> None:
        self.problems: list[str] = []
        self._models = models
        self._toolbox = toolbox
        self._places: dict[str, str] = {}
        self._aliases: dict[str, str] = {}

    def entries(self, file: Path) -> Iterator[_Entry]:
        if file.suffix != _SUFFIX:
            self.problems.append(f"{file}:1: is not read. Name it `{file.stem}{_SUFFIX}`, or take it out of the folder")
            return
        documents, problems = read(file)
        self.problems += problems
        if not problems and file.stat().st_size == 0:
            self.problems.append(f"{file}:1: is empty. Write an agent into it, or delete it")
        for document in documents:
            yield self._entry(document)

    def _entry(self, document: Document) -> _Entry:
        definition = self._definition(document)
        self._check_tools(document, definition)
        self._check_hedge(document, definition)
        source = self._source(document, definition)
        model = self._model(document, definition, source)
        schema = self._schema(document, definition, source)
        self._check_batch(document, definition, schema)
        return _Entry(definition, schema, source, model)

    def _definition(self, document: Document) -> AgentDefinition:
        """What the document says; without the fields that are wrong, so that the others are looked at as well."""
        wrong: set[object] = set()
        try:
            definition = AgentDefinition.model_validate(document.data)
        except ValidationError as error:
            self.problems += document.problems(error, fields=AgentDefinition.model_fields)
            wrong = {each["loc"][0] for each in error.errors()}
            right = {name: value for name, value in document.data.items() if name not in wrong}
            definition = AgentDefinition.model_validate({"type": "unnamed"} | right)
        if "type" not in wrong:
            self._check_type(document, definition.type)
        return definition

    def _problem(self, document: Document, text: str, *path: Step) -> None:
        self.problems.append(document.problem(text, *path))

    def _check_type(self, document: Document, agent_type: str) -> None:
        other = self._places.setdefault(agent_type, document.at("type"))
        if other != document.at("type"):
            self._problem(document, f"the type `{agent_type}` is already defined at {other}", "type")

    def _check_tools(self, document: Document, definition: AgentDefinition) -> None:
        for index, name in enumerate(definition.tools):
            if name not in self._toolbox.names:
                hint = meant(name, self._toolbox.names)
                self._problem(document, f"there is no tool `{name}` in tools.yaml. {hint}", "tools", index)

    def _check_hedge(self, document: Document, definition: AgentDefinition) -> None:
        """Two calls at once are for those who only think."""
        if definition.hedge_after is None:
            return
        acting = [name for name in definition.tools if name in self._toolbox.acting]
        if acting:
            told = f"`{acting[0]}` may act; if it does not, say `acts: false` in tools.yaml"
            self._problem(document, f"`hedge_after` is for agents whose tools do not act. {told}", "hedge_after")
        if definition.source is not None:
            told = "has no effect with `source`: nothing is known of what the tools of a Python object do"
            self._problem(document, f"`hedge_after` {told}", "hedge_after")

    def _check_batch(self, document: Document, definition: AgentDefinition, schema: OutputSchema | None) -> None:
        """Where several tasks are one prompt, the answer must tell their results apart."""
        if definition.batch == "prompt" and not (schema and schema.is_list):
            text = "`batch: prompt` needs an `output_schema` of `type: array`, whose items are the results"
            self._problem(document, text, "batch")

    def _model(self, document: Document, definition: AgentDefinition, source: Source | None) -> str:
        """The id of the model it begins with. Making each model now finds a missing key or package before a caller."""
        for index, name in enumerate(definition.fallback_models):
            self._made(document, name, "fallback_models", index)
        own = getattr(source.example, "model", None) if source else None
        if own is None:
            own = self._made(document, definition.model, "model")
        return str(getattr(own, "id", own))

    def _made(self, document: Document, name: str, *path: Step) -> Model | None:
        try:
            return self._models.build(name, call=CallSettings())
        except Misconfigured as error:
            # An alias is set in one place, so what is wrong with it is told once and not for every agent.
            known = self._aliases.setdefault(name, document.at(*path)) if ":" not in name else document.at(*path)
            if known == document.at(*path):
                for text in error.problems:
                    self._problem(document, text, *path)
            return None

    def _source(self, document: Document, definition: AgentDefinition) -> Source | None:
        if definition.source is None:
            return None
        for name in ("instructions", "reasoning"):
            if name in definition.model_fields_set:
                self._problem(document, f"`{name}` has no effect with `source`: set it on the Python object", name)
        try:
            source = Source.load(definition.source)
        except Unimportable as error:
            self._problem(document, f"`source`: {error}", "source")
            return None
        if definition.tools and not takes_tools(source.example):
            self._problem(document, "`tools` cannot be added to a workflow, or to those a function makes", "tools")
        for text in source.problems(copied=definition.isolation == "instance"):
            self._problem(document, f"`source`: {text}", "source")
        for text in self._missing_keys(source):
            self._problem(document, f"`source`: {text}", "source")
        return source

    def _missing_keys(self, source: Source) -> Iterator[str]:
        for model in bare(source.example):
            try:
                self._models.check(model)
            except Misconfigured as error:
                yield from error.problems

    def _schema(self, document: Document, definition: AgentDefinition, source: Source | None) -> OutputSchema | None:
        declared = definition.output_schema
        if declared is None:
            # What the user's own object promises is held to as well.
            declared = getattr(source.example, "output_schema", None) if source else None
        try:
            return _built(declared)
        except Unimportable as error:
            self._problem(document, f"`output_schema`: {error}", "output_schema")
        except InvalidRequest as error:
            for field in error.fields:
                self._problem(document, f"`{field.path}`: {field.message}", *_steps(field.path))
        return None


def _files(folder: Path) -> list[Path]:
    """Whatever somebody may take for YAML. Kubernetes and editors keep files of their own beginning with a dot."""
    return sorted(
        file for file in folder.iterdir() if file.suffix.lower() in {_SUFFIX, ".yml"} and not file.name.startswith(".")
    )


def _built(declared: object) -> OutputSchema | None:
    if declared is None:
        return None
    if isinstance(declared, dict):
        return OutputSchema.of_json_schema(_unwrapped(declared))
    found = load(declared) if isinstance(declared, str) else declared
    if isinstance(found, type) and issubclass(found, BaseModel):
        return OutputSchema.of_model(found)
    raise Unimportable(f"`{declared}` is not a pydantic model")


def _unwrapped(declared: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema itself, where a Python agent has it in OpenAI's `response_format`."""
    wrapped = declared.get("json_schema")
    inner = wrapped.get("schema") if isinstance(wrapped, dict) else None
    return inner if isinstance(inner, dict) else declared


def _steps(path: str) -> list[Step]:
    return [int(step) if step.isdecimal() else step for step in path.split(".")]
