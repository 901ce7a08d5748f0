"""The composition root: settings in, services out. The only place that names concrete adapters.

Everything opened here is closed in reverse order when the block ends. Tests come in by the same door: `providers`
brings scripted models, and nothing is patched.
"""

from bullpen.bootstrap.cast import Cast, cast
from bullpen.bootstrap.crew import Crew, crew
from bullpen.bootstrap.locksmith import open_locksmith
from bullpen.bootstrap.policy import known_roles
from bullpen.bootstrap.server import Services, bootstrap
from bullpen.bootstrap.stores import engine_of, key_store

__all__ = [
    "Cast",
    "Crew",
    "Services",
    "bootstrap",
    "cast",
    "crew",
    "engine_of",
    "key_store",
    "known_roles",
    "open_locksmith",
]
