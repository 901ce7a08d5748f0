"""What the operator may set, by environment variable.

A field's variable is its name in capitals; a field of a nested group is `GROUP__FIELD`, as in `HTTP__MAX_BODY_BYTES`.
Every secret can also be a file: `OPENAI_API_KEY_FILE=/run/secrets/openai`. An empty variable counts as unset, and
white space around a secret is not part of it.
Only the composition root and the command line read this; rooms take plain arguments.
"""

from bullpen.settings.auth import AuthSettings
from bullpen.settings.secrets import FileSecret
from bullpen.settings.settings import Settings

__all__ = ["AuthSettings", "FileSecret", "Settings"]
