"""Faces without a screen: cron, reports, the command line."""
