"""Not so fast: the rules, and who counts."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack

from bullpen.bootstrap.ground import Ground
from bullpen.bootstrap.stores import redis_client
from bullpen.limits import Limiter, Policy, Rules, Turnstile
from bullpen.limits.document import load_rules, read_rules
from bullpen.limits.local import LocalLimiter
from bullpen.limits.redis import RedisLimiter
from bullpen.limits.standby import StandbyLimiter
from bullpen.security.audit import EventType
from bullpen.settings import Settings
from bullpen.stores import FileWatch
from bullpen.telemetry import Metrics

__all__ = ["open_turnstile"]

_FILE = "limits.yaml"


async def open_turnstile(
    stack: AsyncExitStack,
    settings: Settings,
    *,
    ground: Ground,
    metrics: Metrics,
    roles: Callable[[], Collection[str]],
) -> Turnstile:
    """The turnstile, over all replicas when there is a Redis; it follows its file.

    `roles` are those there are at the moment: the policy file that names them may change as well.

    Raises:
        Misconfigured: Names every mistake in the file.
    """
    audit, path = ground.trail.audit, settings.config_dir / _FILE
    rules = load_rules(path, roles=roles())
    limiter = _limiter(stack, settings, ground, metrics)
    turnstile = Turnstile(policy=Policy(rules), limiter=limiter, metrics=metrics, is_shared=bool(settings.redis_url))

    def changed(found: Rules) -> None:
        turnstile.policy = Policy(found)
        audit.announce(EventType.SETTINGS_CHANGED, what=_FILE)

    def rejected(problems: Sequence[str]) -> None:
        audit.announce(EventType.SETTINGS_CHANGED, outcome="error", what=_FILE, mistakes=len(problems))

    watch = FileWatch(
        path, read=lambda file: read_rules(file, roles=roles()), changed=changed, rejected=rejected, metrics=metrics
    )
    watch.start()
    stack.push_async_callback(watch.aclose)
    return turnstile


def _limiter(stack: AsyncExitStack, settings: Settings, ground: Ground, metrics: Metrics) -> Limiter:
    own = LocalLimiter(replicas=ground.replicas)
    if not settings.redis_url:
        return own
    shared = RedisLimiter(redis_client(stack, settings, secrets=ground.secrets))
    standby = StandbyLimiter(shared, own, metrics=metrics)
    stack.push_async_callback(standby.aclose)
    return standby
