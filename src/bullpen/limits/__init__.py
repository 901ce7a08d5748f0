"""Not so fast: how much each caller, and everybody together, may ask for.

Limits hold per user, API key, department, tenant, address, route and for the whole service; each is a sustained rate
with a burst, of requests and of tokens, beside a cap on requests at the same time. `Turnstile` is the way in. One step
decides over every level, in this process or for all replicas on Redis, and a no at one level takes nothing from the
others.
"""

from bullpen.limits.headers import rate_limit_headers
from bullpen.limits.policy import Policy, Subject
from bullpen.limits.ports import EVENTS, Limiter, Verdict
from bullpen.limits.rules import Rules
from bullpen.limits.turnstile import Turnstile
from bullpen.limits.visit import Visit

__all__ = ["EVENTS", "Limiter", "Policy", "Rules", "Subject", "Turnstile", "Verdict", "Visit", "rate_limit_headers"]
