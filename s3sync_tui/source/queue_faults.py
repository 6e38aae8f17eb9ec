"""What SQS's errors mean for the one who has to mend them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from botocore import exceptions as boto

from s3sync_tui.errors import QueueDenied, QueueError, QueueMissing, QueueUnreachable
from s3sync_tui.source.faults import discreet
from s3sync_tui.source.login import LOGIN_HINT, NO_LOGIN, login_trouble
from s3sync_tui.tls import describe_tls, tls_cause, tls_hint

_MISSING = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.QueueDoesNotExist",
    "InvalidAddress",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "KmsAccessDenied", "KMS.AccessDeniedException"}
_LOGIN = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "ExpiredTokenException",
    "MissingAuthenticationToken",
    "InvalidSecurity",
    "IncompleteSignature",
}
_PASSING = {"RequestThrottled", "ThrottlingException", "Throttling", "KmsThrottled", "OverLimit"}
_RIGHTS = (
    "They need sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility and "
    "sqs:GetQueueAttributes on the queue, and kms:Decrypt where its messages are encrypted "
    "with a key of your own."
)


def queue_fault(error: Exception, queue: str) -> QueueError:
    """``error`` in our own terms; ``queue`` names the queue for people."""
    if isinstance(error, boto.ClientError) and not error.operation_name.startswith("Assume"):
        return _refused(error, queue)
    if isinstance(error, NO_LOGIN):
        return QueueDenied(f"No credentials for {queue}: {login_trouble(error)}", hint=LOGIN_HINT)
    if isinstance(error, boto.SSLError):
        why = describe_tls(tls_cause(error))
        return QueueUnreachable(
            f"No secure connection to {queue}: {why}.", hint=tls_hint(why, "AWS_CA_BUNDLE")
        )
    if isinstance(error, boto.ConnectionError | boto.HTTPClientError):
        return QueueUnreachable(
            f"{queue} does not answer ({type(error).__name__}).",
            hint="Check the network, the queue's URL, and any proxy (HTTPS_PROXY).",
        )
    # A ValueError quotes the endpoint, and that may hold a password.
    reason = error if isinstance(error, boto.BotoCoreError) else "the endpoint is no URL"
    return QueueError(
        f"{queue} cannot be asked: {reason}", hint="Check the queue's URL and ~/.aws/config."
    )


def _refused(error: boto.ClientError, queue: str) -> QueueError:
    code = discreet(str(error.response.get("Error", {}).get("Code", "")), 80)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _MISSING:
        return QueueMissing(
            f"There is no {queue}.",
            hint="Check the URL's region, account and name; s3sync-tui notifications shows what "
            "is set up.",
        )
    if code in _DENIED:
        return QueueDenied(
            f"These credentials may not use {queue}: {error.operation_name} says {code}.",
            hint=_RIGHTS,
        )
    if code in _LOGIN:
        return QueueDenied(
            f"The credentials for {queue} are refused: {error.operation_name} says {code}.",
            hint=LOGIN_HINT,
        )
    if code in _PASSING or status >= 500:
        return QueueUnreachable(
            f"{queue} gives no usable answer: {error.operation_name} says {code or status}.",
            hint="It may be better in a moment.",
        )
    return QueueError(
        f"{queue} refuses {error.operation_name}: {code or status}.",
        hint="Check the queue's URL: https://sqs.<region>.amazonaws.com/<account>/<name>.",
    )
