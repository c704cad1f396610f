"""What is said where an object store refuses, of what the library really says."""

import pytest
from obstore.exceptions import (
    GenericError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from pipeline.object_errors import explain, may_have_been_done

ANSWER = (
    "Generic S3 error: Error performing PUT http://h:1/b/a?sig=hush in 296.2ms"
    " - Server returned non-2xx status code: {}: {}"
)
XML = "<Error><Code>{}</Code><Message>hush</Message></Error>"
NO_ANSWER = (
    "Generic S3 error: Error performing list request: Error performing GET"
    " http://host.example:9/nope?list-type=2 in 113.6ms, after 1 retries, max_retries:"
    " 1, retry_timeout: 180s  - HTTP error: {}"
)
METADATA = (
    "Generic {} error: Error performing token request: Error performing GET"
    " http://169.254.169.254/metadata/identity/oauth2/token in 3.1ms - HTTP error"
)
DENIED = (
    "access is denied ({}): the credentials in the environment must let us list, read"
    " and write"
)
NO_BUCKET = "there is no such bucket: create it, or check address and endpoint"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            GenericError(ANSWER.format("404 Not Found", XML.format("NoSuchBucket"))),
            "s3",
            NO_BUCKET,
        ),
        (FileNotFoundError("Object at location x not found"), "gs", NO_BUCKET),
        (
            PermissionDeniedError(
                ANSWER.format("403 Forbidden", XML.format("AccessDenied"))
            ),
            "s3",
            DENIED.format("403 AccessDenied"),
        ),
        (
            UnauthenticatedError(ANSWER.format("401 Unauthorized", "hush")),
            "gs",
            DENIED.format("401"),
        ),
        (
            GenericError(
                ANSWER.format("301 Moved", XML.format("PermanentRedirect")),
            ),
            "s3",
            "the server refuses (301 PermanentRedirect): AWS_REGION must be the"
            " bucket's region",
        ),
        (
            GenericError(ANSWER.format("503 Slow Down", XML.format("SlowDown"))),
            "s3",
            "the server answers 503 SlowDown",
        ),
        (
            GenericError(NO_ANSWER.format("error sending request")),
            "s3",
            "http://host.example:9 does not answer: check the endpoint and the network",
        ),
        (
            GenericError(NO_ANSWER.format("builder error")),
            "s3",
            "the endpoint is not https: check it, and allow it with"
            " AWS_ALLOW_HTTP=true",
        ),
        (
            GenericError(NO_ANSWER.format("builder error")),
            "abfss",
            "the endpoint is not https: check it, and allow it with"
            " AZURE_ALLOW_HTTP=true",
        ),
        (
            GenericError(METADATA.format("S3")),
            "s3",
            "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (
            GenericError(METADATA.format("GCS")),
            "gs",
            "there are no credentials: set GOOGLE_APPLICATION_CREDENTIALS",
        ),
        (
            GenericError("Generic MicrosoftAzure error: Account must be specified"),
            "az",
            "it is not known whose it is: set AZURE_STORAGE_ACCOUNT_NAME and"
            " AZURE_STORAGE_ACCOUNT_KEY",
        ),
        (
            GenericError(
                "Generic GCS error: GCP credential error: Unable to open service"
                " account file from /hush.json: No such file or directory"
            ),
            "gs",
            "what the environment says is not usable: check"
            " GOOGLE_APPLICATION_CREDENTIALS",
        ),
    ],
)
def test_a_refusal_is_one_sentence_that_says_what_to_do(error, kind, said):
    assert explain(error, kind) == said


@pytest.mark.parametrize(
    ("error", "may"),
    [
        (GenericError(NO_ANSWER.format("error sending request")), True),
        (GenericError(ANSWER.format("500 Internal Server Error", "")), True),
        (GenericError(ANSWER.format("409 Conflict", "")), True),
        (GenericError(ANSWER.format("429 Too Many Requests", "")), True),
        (GenericError(ANSWER.format("400 Bad Request", "")), False),
        (PermissionDeniedError(ANSWER.format("403 Forbidden", "")), False),
        (PreconditionError(ANSWER.format("412 Precondition Failed", "")), False),
        (LookupError(), False),
    ],
)
def test_what_got_no_clear_answer_may_have_been_done(error, may):
    assert may_have_been_done(error) is may
