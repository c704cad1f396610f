"""What stops the work with a FHIR server, as sentences for whoever runs it.

What is wrong with one resource is no error of the server: it becomes a dead letter
(`transforms.errors`). No message names more of a server than its address, and nothing
of what was sent or received.
"""


class FhirServerError(OSError):
    """A FHIR server cannot be written to; the message says which and what to do."""


class FhirUnavailableError(FhirServerError):
    """It did not answer properly for as long as we try; later it may.

    Whoever runs the work should try again: a runner the bundle, a person the command.
    """


class FhirRefusedError(FhirServerError):
    """It will not have us, whatever is tried again: credentials, rights or address.

    Never a dead letter: a wrong token must not empty a stream into the dead letters.
    """
