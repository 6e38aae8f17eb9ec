"""What listing costs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """LIST requests in money. Prices: https://aws.amazon.com/s3/pricing/ (USD 0.005 for
    1,000 LIST requests in us-east-1)."""

    last_run_usd: float | None
    month_usd: float
    """Spent in the last 30 days."""
    projected_month_usd: float | None
    """For 30 days, at the pace and the price of the recent runs."""
    seconds_between_runs: float | None
    """The median; None before the second run."""
