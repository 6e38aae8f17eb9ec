"""``serve``: syncs on request, and what is to be told of them, over HTTP."""
