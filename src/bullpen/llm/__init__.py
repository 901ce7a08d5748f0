"""Models: by name, by the official SDKs, and each behind one guard.

Every model an agent can reach is a `GuardedModel` made here: it bounds, classifies, meters and prices each call, in
one place, and books every attempt. Nothing else in the house calls a model.
"""
