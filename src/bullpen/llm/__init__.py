"""Models: by name, by the official SDKs, and each behind one guard.

Every model an agent can reach is a `GuardedModel` made here: it bounds, classifies, meters and prices each call, in
one place, and books every attempt. Nothing else in the house calls a model.
"""

from bullpen.llm.call import CallSettings, Endpoint
from bullpen.llm.guarded import GuardedModel
from bullpen.llm.models import Models
from bullpen.llm.ports import ModelName
from bullpen.llm.preferences import Preferences
from bullpen.llm.providers import Makers
from bullpen.llm.safeguards import Safeguards

__all__ = ["CallSettings", "Endpoint", "GuardedModel", "Makers", "ModelName", "Models", "Preferences", "Safeguards"]
