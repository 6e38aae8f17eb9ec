"""Keeps a Supabase / Postgres ``images`` table in step with an S3 bucket."""

__version__ = "0.1.0"
