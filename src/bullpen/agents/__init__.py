"""The cast: who can be asked, what they may use, and how one of them is run.

A `Catalogue` of definitions is read from YAML, a `Toolbox` of allowed tools beside it. The `Builder` makes Agno agents
of them, or takes the user's own, and sees to it that every model inside is guarded. The `Runner` runs one, and is
where Agno's habit of failing quietly ends.
"""

from bullpen.agents.builder import Builder
from bullpen.agents.catalogue import Catalogue
from bullpen.agents.definition import AgentDefinition
from bullpen.agents.output import OutputSchema
from bullpen.agents.runner import Result, Runner, Streamed
from bullpen.agents.tools import Toolbox

__all__ = ["AgentDefinition", "Builder", "Catalogue", "OutputSchema", "Result", "Runner", "Streamed", "Toolbox"]
