"""Where rows go: one SQL schema, reached by one of several transports."""
