"""Who may come in, and what they may do.

`authentication` turns a credential into a `Caller`, `authorization` says what a caller may do. They do not know one
another; the gate in `bullpen.api` asks the one, then the other.
"""

__all__: list[str] = []
