"""The desks: one module a resource, each handler a translation, one call, and a translation back."""
