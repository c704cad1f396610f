"""Regular expressions of filters, as .NET writes them, in bounded time.

Patterns come from users and meet texts of messages. The `regex` library understands the
notation of .NET (https://learn.microsoft.com/dotnet/standard/base-types/regular-expression-language-quick-reference)
but for a few spellings, which are translated or refused. A search with a simple pattern
takes time in proportion to the text; any other search is given a limit.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import regex

_FLAGS = {
    "i": regex.IGNORECASE,
    "m": regex.MULTILINE,
    "s": regex.DOTALL,
    # .NET's "explicit capture", not "verbose": it cannot change whether a text matches.
    "x": 0,
}

FLAGS = frozenset(_FLAGS)

_INVALID = "the regular expression is invalid"
_TOO_LARGE = "the regular expression is too large"
_MAX_LENGTH = 10_000

_QUICK = 100e-6
_QUICK_PER_CHARACTER = 0.1e-6
"""Seconds: ten times what decent patterns need."""

_TOKEN = re.compile(
    r"""
      (?P<backslash> \\k [<'] \w+ [>'] | \\[pPN] \{ [^{}]* \} | \\. )
    | (?P<recursion> \(\? (?: R | [+-]?[0-9] | & | P> ) )
    | (?P<verb> \(\* )
    | (?P<group> \( (?: \?: | \?P?<\w+> | \?'\w+' )? (?! \? ) )
    | (?P<special> \( )
    | (?P<close> \) )
    | (?P<set> \[ \^? \]? (?: \\. | [^\]\\] )* \] )
    | (?P<unclosed> \[ )
    | (?P<repeat> (?: [*+?] | \{ [0-9]+ (?: , [0-9]* )? \} ) [?+]? )
    | (?P<brace> \{ )
    | (?P<bar> \| )
    | .
    """,
    re.VERBOSE | re.DOTALL,
)


class RegexError(ValueError):
    """A pattern that cannot be used.

    Args:
        message: what is wrong.
        position: where, as a 0-based offset into the pattern.
        suggestion: what to write instead, or an empty text.
    """

    def __init__(self, message: str, position: int, suggestion: str = "") -> None:
        self.message = message
        self.position = position
        self.suggestion = suggestion
        super().__init__(message, position, suggestion)


class Pattern:
    """A compiled regular expression.

    Args:
        text: the pattern.
        flags: some of `FLAGS`.

    Raises:
        RegexError: the text is no regular expression.
    """

    __slots__ = ("_search", "is_simple")

    def __init__(self, text: str, flags: str) -> None:
        if len(text) > _MAX_LENGTH:
            raise RegexError(_TOO_LARGE, 0)
        tokens = [*_tokens(text)]
        self.is_simple = _is_simple(tokens)
        """Whether a search takes time in proportion to the text."""
        self._search = _compile(tokens, flags).search

    def quickly_finds(self, text: str) -> bool:
        """Whether a text matches anywhere.

        Raises:
            TimeoutError: finding out takes unusually long.
        """
        if self.is_simple:
            return self._search(text) is not None
        return self.finds(text, quick_limit(text))

    def finds(self, text: str, seconds: float) -> bool:
        """Whether a text matches anywhere.

        Raises:
            TimeoutError: finding out takes longer than that.
        """
        return self._search(text, timeout=seconds) is not None


def quick_limit(text: str) -> float:
    """The seconds that a search in a text may take without being called slow."""
    return _QUICK + len(text) * _QUICK_PER_CHARACTER


class _Token(NamedTuple):
    kind: str
    text: str
    translated: str
    start: int


_REFUSED = {
    "recursion": ("recursion is not part of .NET's regular expressions", ""),
    "verb": ("nothing to repeat", "write \\( for a parenthesis"),
    "unclosed": ("the set is not closed", "add ], or write \\[ for a bracket"),
}


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind, written = match.lastgroup or "", match[0]
        if kind in _REFUSED:
            message, hint = _REFUSED[kind]
            msg = f"{_INVALID}: {message}"
            raise RegexError(msg, match.start(), hint)
        if kind == "set" and "-[" in written[2:]:
            msg = f"{_INVALID}: sets cannot be subtracted"
            raise RegexError(msg, match.start(), "write (?![aeiou])[a-z]")
        yield _Token(kind, written, _translated(kind, written), match.start())


def _translated(kind: str, written: str) -> str:
    """How the `regex` library spells what .NET spells otherwise."""
    if kind == "brace":  # no repetition, and so a brace; never a fuzzy match
        return "\\{"
    if kind == "group" and written.startswith("(?'"):
        return f"(?<{written[3:-1]}>"
    if kind == "backslash" and written.startswith("\\k") and len(written) > 2:
        return f"(?P={written[3:-1]})"
    # .NET's \Z stands before a last line feed, too; \z does not.
    return {"\\Z": r"(?=\n?\z)", "\\e": r"\x1b"}.get(written, written)


def _is_simple(tokens: list[_Token]) -> bool:
    """Whether searching is linear in the length of the text, in this library.

    Without repetitions there are few ways to match from any place. A single one can
    make it quadratic, even in a pattern that starts with `^`.
    """
    kinds = [token.kind for token in tokens]
    if "special" in kinds or "repeat" in kinds or kinds.count("group") > 1:
        return False
    return not any(map(_refers, tokens))


def _refers(token: _Token) -> bool:
    """Whether a token stands for text matched before, or for more than a character."""
    return token.kind == "backslash" and token.text[1] in "123456789kgKXR"


def _compile(tokens: list[_Token], flags: str) -> regex.Pattern[str]:
    number = 0
    for flag in flags:
        number |= _FLAGS[flag]
    pattern = "".join(token.translated for token in tokens)
    try:
        return regex.compile(pattern, number)
    except regex.error as error:
        cause: Any = error  # its type stub lacks what it holds
        msg = f"{_INVALID}: {cause.msg}"
        raise RegexError(msg, _position(tokens, cause.pos or 0)) from error
    except RecursionError as error:
        raise RegexError(_TOO_LARGE, 0) from error


def _position(tokens: list[_Token], offset: int) -> int:
    """The place in the text of a place in the translated pattern."""
    end = 0
    for token in tokens:
        if offset < len(token.translated):
            return token.start + min(offset, len(token.text) - 1)
        offset -= len(token.translated)
        end = token.start + len(token.text)
    return end
