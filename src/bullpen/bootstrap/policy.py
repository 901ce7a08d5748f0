"""May you: the policy file, followed while it changes."""

from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack

from bullpen.security.audit import Audit, EventType
from bullpen.security.authorization.cedar import CedarPolicy
from bullpen.security.authorization.document import FILE, policies_in, read_policies
from bullpen.security.authorization.policies import Policies
from bullpen.settings import Settings
from bullpen.stores import FileWatch
from bullpen.telemetry import Metrics

__all__ = ["follow_policies", "known_roles"]


def known_roles(settings: Settings) -> Collection[str]:
    """The roles a key may have."""
    return policies_in(settings.config_dir).roles


def follow_policies(
    stack: AsyncExitStack, settings: Settings, policy: CedarPolicy, *, audit: Audit, metrics: Metrics
) -> None:
    """Takes the file's changes as they come; a file that is wrong is told, and the old policies hold."""

    def changed(policies: Policies) -> None:
        policy.replace(policies)
        audit.announce(EventType.POLICY_RELOADED, rules=len(policies.rules))

    def rejected(problems: Sequence[str]) -> None:
        audit.announce(EventType.POLICY_REJECTED, outcome="error", mistakes=len(problems))

    watch = FileWatch(
        settings.config_dir / FILE, read=read_policies, changed=changed, rejected=rejected, metrics=metrics
    )
    watch.start()
    stack.push_async_callback(watch.aclose)
