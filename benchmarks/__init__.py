"""The load suite: Bullpen, a bare pass-through and naive Agno services before one stub model, in one run."""
