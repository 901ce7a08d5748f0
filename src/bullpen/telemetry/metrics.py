"""The one table of metrics. A metric that is not here does not exist; a dashboard or alert naming another fails a test.

Labels are bounded by construction: agent types and models come from the catalogue, routes from the route table,
error types from `bullpen.errors`. Nothing a caller sends becomes a label.
"""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from bullpen.telemetry import multiprocess

__all__ = ["CONTENT_TYPE", "Metrics"]

_Over: TypeAlias = Literal["livesum", "livemin", "livemax", "liveall"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_SHORT: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1)


class Metrics:
    """Every metric of one process, each an attribute named without the `bullpen_` prefix.

    One instance a process, made by the composition root and handed down. Values that are read rather than counted
    (memory, CPU, what `follow` was given) are refreshed by `render`. Of several workers of one server any renders the
    figures of all, and then each refreshes its own now and then.
    """

    def __init__(self, *, version: str = "unknown") -> None:
        # A switch of the whole library; without it every series has a `_created` twin beside it.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the one function there without annotations
        self.registry = CollectorRegistry()
        self._process = psutil.Process()
        self._process.cpu_percent()
        self._followed: list[tuple[Gauge, Callable[[], float]]] = []
        self._declare_agents()
        self._declare_pool()
        self._declare_models()
        self._declare_door()
        self._declare_security()
        self._declare_scaling()
        self._declare_process()
        self.build_info.labels(version).set(1)

    def render(self) -> bytes:
        """Everything in Prometheus' text format, over all workers."""
        shared = multiprocess.folder()
        if shared is not None:
            return generate_latest(multiprocess.whole(shared))
        self.refresh()
        return generate_latest(self.registry)

    def follow(self, gauge: Gauge, read: Callable[[], float]) -> None:
        """From the next refresh on `gauge` is what `read` says; the library's `set_function` is not seen by workers.

        `read` is called in any thread, waits for nothing and raises nothing.
        """
        self._followed.append((gauge, read))

    def refresh(self) -> None:
        """Reads memory and CPU of this process, and what is followed."""
        self.memory_usage_bytes.set(self._process.memory_info().rss)
        self.cpu_usage_percent.set(self._process.cpu_percent())
        for gauge, read in self._followed:
            gauge.set(read())

    def _declare_agents(self) -> None:
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        self.agent_requests_total = counter("agent_requests", "Runs", "agent_type", "model", "status")
        self.agent_request_duration_seconds = histogram(
            "agent_request_duration_seconds", "Whole run, waiting included", "agent_type", "model"
        )
        self.active_agents = gauge("active_agents", "Lanes in use", "agent_type")
        self.successful_completions_total = counter(
            "successful_completions", "Runs that succeeded", "agent_type", "task_category"
        )
        self.errors_total = counter("errors", "Failures by kind", "error_type", "agent_type")
        self.output_quality_score = histogram(
            "output_quality_score",
            "Scores in [0, 1] given to outputs",
            "agent_type",
            "evaluation_method",
            buckets=tuple(n / 10 for n in range(1, 11)),
        )

    def _declare_pool(self) -> None:
        gauge, histogram = self._gauge, self._histogram
        self.pool_size = gauge("pool_size", "Lanes the pool may lend at once", "pool_type")
        self.pool_utilization_percent = gauge(
            "pool_utilization_percent", "Lanes in use", "pool_type", over=multiprocess.MEAN
        )
        self.task_queue_size = gauge("task_queue_size", "Requests waiting for a lane")
        self.lane_queue_size = gauge("lane_queue_size", "Requests waiting for a lane by priority", "priority")
        self.lane_refusals_total = self._counter("lane_refusals", "Requests that got no lane", "reason")
        self.lane_places_degraded = gauge(
            "lane_places_degraded", "1 while types are bounded without Redis", over="livemax"
        )
        self.task_processing_time_seconds = histogram("task_processing_time_seconds", "Time a lane was held")
        self.queue_wait_seconds = histogram("queue_wait_seconds", "Wait for a lane", "agent_type")

    def _declare_models(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.model_calls_total = counter("model_calls", "Attempts at a model call", "provider", "model")
        self.model_call_outcomes_total = counter(
            "model_call_outcomes", "Attempts by outcome", "provider", "model", "outcome"
        )
        self.model_failovers_total = counter(
            "model_failovers", "Calls that went on to the next model, by the one that failed", "provider", "model"
        )
        self.model_hedges_total = counter(
            "model_hedges", "Second calls made beside one that took too long", "provider", "model"
        )
        self.breaker_state = gauge(
            "breaker_state", "0 closed, 1 half-open, 2 open", "provider", "model", over="livemax"
        )
        self.breaker_transitions_total = counter(
            "breaker_transitions", "Changes of a breaker, by its new state", "provider", "model", "state"
        )
        self.adaptive_limit = gauge("adaptive_limit", "Calls a model is given at once", "provider", "model")
        self.adaptive_in_flight = gauge("adaptive_in_flight", "Calls of a model under way", "provider", "model")
        self.model_rests_total = counter("model_rests", "Rests a provider asked for", "provider", "model")
        self.model_retries_total = counter(
            "model_retries", "Retries by what they followed", "provider", "model", "reason"
        )
        self.retry_budget_exhausted_total = counter(
            "retry_budget_exhausted", "Retries that were not made, for the budget was used up", "provider", "model"
        )
        self.tokens_used_total = counter("tokens_used", "Tokens", "type", "model")
        self.api_cost_dollars_total = counter("api_cost_dollars", "Spent on models", "provider", "model")
        self.unpriced_calls_total = counter("unpriced_calls", "Calls to a model with no price", "provider", "model")
        self.tool_calls_total = counter("tool_calls", "Tool calls", "tool", "status")

    def _declare_door(self) -> None:
        counter, histogram = self._counter, self._histogram
        self.http_requests_total = counter("http_requests", "Requests", "route", "method", "status")
        self.http_request_duration_seconds = histogram(
            "http_request_duration_seconds", "Request, first byte in to last byte out", "route", "method"
        )
        self.gateway_overhead_seconds = histogram(
            "gateway_overhead_seconds", "What Bullpen adds to waiting, model and tools", buckets=_SHORT
        )
        self.rate_limited_total = counter("rate_limited", "Refusals by the level that refused", "level")
        self.limits_degraded = self._gauge(
            "limits_degraded", "1 while this replica limits alone, without Redis", over="livemax"
        )

    def _declare_security(self) -> None:
        counter, gauge, histogram = self._counter, self._gauge, self._histogram
        self.authentications_total = counter("authentications", "Credentials shown", "method", "outcome")
        self.authorizations_denied_total = counter("authorizations_denied", "Refusals by the policy", "resource")
        self.credential_age_seconds = gauge(
            "credential_age_seconds", "Age of the oldest one in use", "kind", over="livemax"
        )
        self.config_reloads_total = counter("config_reloads", "Files read again after a change", "file", "outcome")
        self.config_broken = gauge(
            "config_broken", "1 while a changed file is wrong, and the old one holds", "file", over="livemax"
        )
        self.audit_events_total = counter("audit_events", "Events recorded", "event_type")
        self.audit_outbox_rows = gauge("audit_outbox_rows", "Facts recorded and not delivered yet")
        self.audit_degraded = gauge(
            "audit_degraded", "1 while facts are recorded less firmly than promised", over="livemax"
        )
        self.audit_commit_seconds = histogram("audit_commit_seconds", "One group commit", buckets=_SHORT)

    def _declare_scaling(self) -> None:
        gauge, counter = self._gauge, self._counter
        self.scaling_requests_per_minute = gauge("scaling_requests_per_minute", "Runs ended in the last minute")
        self.scaling_response_seconds = gauge(
            "scaling_response_seconds", "Runs of five minutes", "statistic", over="livemax"
        )
        self.scaling_error_ratio = gauge(
            "scaling_error_ratio", "Share of the runs of five minutes that failed", over="livemax"
        )
        self.scaling_queue_length = gauge("scaling_queue_length", "Requests waiting, at the last look")
        self.scaling_pending = gauge("scaling_pending", "Requests waiting and runs going on, at the last look")
        self.scaling_failed_last_hour = gauge("scaling_failed_last_hour", "Runs that failed in the last hour")
        self.scaling_usage_percent = gauge(
            "scaling_usage_percent", "Of the container, or of the machine", "resource", over="livemax"
        )
        self.scaling_target_percent = gauge(
            "scaling_target_percent", "What scaling aims at", "resource", over="livemax"
        )
        self.desired_replicas = gauge(
            "desired_replicas", "Replicas wanted by thresholds, steps and cool-down", over="livemax"
        )
        self.recommended_replicas = gauge("recommended_replicas", "Replicas the targets alone ask for", over="livemax")
        self.scaling_decisions_total = counter("scaling_decisions", "Decisions about scaling", "action")
        self.tuning_actions_total = counter("tuning_actions", "Steps of self-tuning", "action")

    def _declare_process(self) -> None:
        gauge, histogram = self._gauge, self._histogram
        self.event_loop_lag_seconds = histogram(
            "event_loop_lag_seconds", "How late a timer fires; high means something blocks", buckets=_SHORT
        )
        self.loop_stalls_total = self._counter("loop_stalls", "Times the event loop stood still")
        self.memory_usage_bytes = gauge("memory_usage_bytes", "Resident memory")
        self.cpu_usage_percent = gauge("cpu_usage_percent", "CPU since the last scrape; 100 is one core")
        self.dependency_up = gauge("dependency_up", "1 when the dependency answers", "dependency", over="livemin")
        self.build_info = gauge("build_info", "Always 1", "version", over="livemax")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, namespace="bullpen", registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str, over: _Over = "livesum") -> Gauge:
        """`over` says what one figure for all workers is: their sum, what is least or most, or `multiprocess.MEAN`."""
        return Gauge(name, text, labels, namespace="bullpen", registry=self.registry, multiprocess_mode=over)

    def _histogram(self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = _SECONDS) -> Histogram:
        return Histogram(name, text, labels, namespace="bullpen", registry=self.registry, buckets=buckets)
