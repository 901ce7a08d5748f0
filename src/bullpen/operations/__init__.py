"""What looks after the whole house: its health and posture, scaling and self-tuning."""

from bullpen.operations.dependency import Dependency
from bullpen.operations.health import Health
from bullpen.operations.posture import Posture
from bullpen.operations.report import Report
from bullpen.operations.scaler import Scaler
from bullpen.operations.scaling import Decision, Policy, decide
from bullpen.operations.signals import Instruments, Signals
from bullpen.operations.traffic import Traffic
from bullpen.operations.tuner import Tuner
from bullpen.operations.tuning import Baselines, Ranges

__all__ = [
    "Baselines",
    "Decision",
    "Dependency",
    "Health",
    "Instruments",
    "Policy",
    "Posture",
    "Ranges",
    "Report",
    "Scaler",
    "Signals",
    "Traffic",
    "Tuner",
    "decide",
]
