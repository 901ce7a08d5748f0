"""What one run carries on its way down."""

from bullpen.agents import AgentDefinition
from bullpen.execution.record import Counters, Record
from bullpen.execution.run import Run
from bullpen.messages import Request, Started
from bullpen.outbox.nowhere import Nowhere
from bullpen.pool import Lane
from bullpen.security.audit import Audit
from bullpen.telemetry import Metrics
from tests.stubs.booking import model_run
from tests.stubs.house import ANN


def a_run() -> Run:
    request = Request(agent_type="actor", task="x", run_id="run_7", session_id="ses_7")
    counters = Counters(Metrics(), definition=AgentDefinition(type="actor"), model="m")
    model = model_run(run_id="run_7")
    record = Record(model, caller=ANN, task_length=1, counters=counters, audit=Audit(Nowhere()))
    return Run(request, ANN, None, model, record)


def test_the_first_event_names_the_lane() -> None:
    """And the run and the session, which the caller may not have named."""
    started = a_run().started(Lane(name="actor_0", agent=None))
    assert started == Started(run_id="run_7", session_id="ses_7", agent_type="actor", agent_name="actor_0")


def test_a_run_that_is_late_names_itself() -> None:
    """So that it is found in the log, and says what to do."""
    told = a_run().too_late().detail
    assert "run_7" in told
    assert "actor" in told
    assert "`timeout`" in told
