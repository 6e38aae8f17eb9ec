"""Clients of AWS's services other than the listing, as botocore makes them.

botocore owns credentials, regions and endpoints (``AWS_ENDPOINT_URL_SQS`` among them), and
repeats what a moment's wait can mend: its ``standard`` mode backs off with jitter.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.session import Session

from s3sync_tui.source.login import find_credentials, read_login
from s3sync_tui.source.service_models import read_models_quickly
from s3sync_tui.tls import trust_named_by, trusting

FIRST_REGION = "us-east-1"


def aws_client(
    service: str,
    *,
    region: str | None = None,
    profile: str | None = None,
    endpoint: str | None = None,
    ca_bundle: Path | None = None,
    connections: int = 10,
    read_seconds: float = 30,
    config: Config | None = None,
) -> Any:
    """A client, safe to use from several threads. To make one may take a network call."""
    session = Session(profile=profile)
    read_models_quickly(session)
    ours = Config(
        connect_timeout=5,
        read_timeout=read_seconds,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": 4},
    )
    credentials = find_credentials(session)  # first, for a client would look for them, too
    client = session.create_client(
        service,
        region_name=region or session.get_config_variable("region") or FIRST_REGION,
        endpoint_url=endpoint,
        verify=_trusted(session, ca_bundle),
        config=ours.merge(config) if config is not None else ours,
    )
    if credentials is None:
        return client

    def keep(**_: Any) -> None:
        read_login(credentials)

    # Each time that it signs, for logins are replaced while it is used.
    client.meta.events.register("before-sign", keep)
    return client


def _trusted(session: Session, ca_bundle: Path | None) -> str | None:
    """The file of authorities to trust; None for those that botocore brings."""
    named = ca_bundle or session.get_config_variable("ca_bundle")
    if named:
        trusting(Path(named), f"ca_bundle (AWS_CA_BUNDLE) {named}")
        return str(named)
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):  # as for the listing
        if trust_named_by(variable) is not None:
            return os.environ[variable]
    return None
