"""What Beam makes of exceptions."""

import re

_WHERE = re.compile(r" \[while running '[^']*'\]$")


def sentence(error: BaseException) -> str:
    """The text of an exception, without the step that Beam appends to it."""
    return _WHERE.sub("", str(error))
