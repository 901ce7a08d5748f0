"""What looks after the whole house: its health and its posture. Scaling and self-tuning join them."""

from bullpen.operations.health import Dependency, Health, Report
from bullpen.operations.posture import Posture

__all__ = ["Dependency", "Health", "Posture", "Report"]
