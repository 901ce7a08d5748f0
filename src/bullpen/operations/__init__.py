"""What looks after the whole house. Today its health; scaling and self-tuning join it."""

from bullpen.operations.health import Dependency, Health, Report

__all__ = ["Dependency", "Health", "Report"]
