"""What a caller may do.

Failure mode: closed. What nothing grants is refused.
"""

from bullpen.security.authorization.ports import HOUSE, Decision, Policy, Resource

__all__ = ["HOUSE", "Decision", "Policy", "Resource"]
