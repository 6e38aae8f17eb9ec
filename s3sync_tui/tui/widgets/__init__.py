"""One panel, one file; each can be shown alone."""
