"""Java's login configuration, as far as consumers of Kafka use it.

`sasl.jaas.config` is one line: a login module, `required`, and options.
https://docs.oracle.com/en/java/javase/17/docs/api/java.base/javax/security/auth/login/Configuration.html
"""

import re
from typing import NamedTuple

_LOGIN = re.compile(
    r"\s*([\w.$]+)\s+(?:required|requisite|sufficient|optional)\b(.*?);?\s*", re.DOTALL
)

_OPTION = re.compile(r"""\s*([\w.$]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s"';]+)""", re.DOTALL)


class Login(NamedTuple):
    """A login module and what it is told."""

    module: str
    """Name of the class, without its package."""
    options: dict[str, str]

    def __repr__(self) -> str:
        return f"Login({self.module!r})"


def parse_login(text: str) -> Login | None:
    """Reads a `sasl.jaas.config`; None if it is none.

    >>> parse_login('a.b.PlainLoginModule required username="u" password="p";').options
    {'username': 'u', 'password': 'p'}
    """
    login = _LOGIN.fullmatch(text)
    if login is None:
        return None
    options: dict[str, str] = {}
    rest = login[2].rstrip()
    while rest:
        option = _OPTION.match(rest)
        if option is None:
            return None
        name, value = option.groups()
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        options[name] = value
        rest = rest[option.end() :]
    return Login(login[1].rpartition(".")[2], options)
