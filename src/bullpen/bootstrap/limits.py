"""Not so fast: the rules, and who counts."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack

from bullpen.limits import Limiter, Policy, Rules, Turnstile
from bullpen.limits.document import load_rules, read_rules
from bullpen.limits.local import LocalLimiter
from bullpen.limits.presence import Presence
from bullpen.limits.redis import RedisLimiter
from bullpen.limits.standby import StandbyLimiter
from bullpen.security.audit import Audit, EventType
from bullpen.settings import Settings
from bullpen.stores import FileWatch, open_redis
from bullpen.stores.cluster import is_cluster, open_cluster
from bullpen.stores.secrets import Secrets
from bullpen.telemetry import Metrics

__all__ = ["open_turnstile"]

_FILE = "limits.yaml"


async def open_turnstile(
    stack: AsyncExitStack,
    settings: Settings,
    *,
    secrets: Secrets,
    audit: Audit,
    metrics: Metrics,
    roles: Callable[[], Collection[str]],
) -> Turnstile:
    """The turnstile, over all replicas when there is a Redis; it follows its file.

    `roles` are those there are at the moment: the policy file that names them may change as well.

    Raises:
        Misconfigured: Names every mistake in the file.
    """
    path = settings.config_dir / _FILE
    rules = load_rules(path, roles=roles())
    limiter = _limiter(stack, settings, secrets=secrets, metrics=metrics)
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


def _limiter(stack: AsyncExitStack, settings: Settings, *, secrets: Secrets, metrics: Metrics) -> Limiter:
    if not settings.redis_url:
        return LocalLimiter(replicas=lambda: settings.limits.replicas)
    # A client of its own: a crowd at the door must not wait behind other rooms for a connection.
    opener = open_cluster if is_cluster(settings.redis_url) else open_redis
    client = opener(settings.redis_url, password=secrets.reader("REDIS_PASSWORD"))
    stack.push_async_callback(client.aclose)
    presence = Presence(client, least=settings.limits.replicas)
    presence.start()
    stack.push_async_callback(presence.aclose)
    own = LocalLimiter(replicas=lambda: presence.replicas)
    standby = StandbyLimiter(RedisLimiter(client), own, metrics=metrics)
    stack.push_async_callback(standby.aclose)
    return standby
