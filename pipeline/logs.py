"""What the program says while it works: our own lines, and errors of libraries."""

import logging


def set_up_logs() -> None:
    """Sets up logging of this process, once."""
    # Libraries warn of extras that are not installed and of hints they do not use.
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logging.getLogger("pipeline").setLevel(logging.INFO)
