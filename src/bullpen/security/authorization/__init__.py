"""What a caller may do.

Failure mode: closed. What nothing grants is refused.
"""

from bullpen.security.authorization.ports import Policy

__all__ = ["Policy"]
