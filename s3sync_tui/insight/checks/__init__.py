"""The health checks, by what they look at."""
