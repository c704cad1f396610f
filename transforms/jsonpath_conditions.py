"""The grammar of filters of JSONPath in the Newtonsoft dialect."""

import re
from typing import Final, NoReturn

from transforms.jsonpath_cursor import Cursor
from transforms.jsonpath_regex import FLAGS, Pattern, RegexError
from transforms.jsonpath_tree import (
    Comparison,
    Condition,
    Exists,
    Filter,
    JsonPathError,
    Literal,
    Path,
    Regex,
    Step,
)

_NAME = re.compile(r"[^.\[\]() \t\r\n=<>!|&]+")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|-\.[0-9]+")
_WORD = re.compile(r"[^\W\d]\w*")
_OPERATOR = re.compile(r"===|==|=~|!==|!=|<>|<=|<|>=|>")
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/([A-Za-z]*)", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None}

_MAX_INTEGER = 2**63
_MAX_NESTED = 16
"""A bound only so that no text can exhaust Python's stack."""

JMESPATH: Final = "use a CalculatedContent template with a JMESPath expression instead"


class ConditionParser(Cursor):
    """Reads filters; the paths in them are read by whoever knows how.

    Args:
        text: the whole path.
        right_nested: whether a change between `&&` and `||` nests to the right, as
            Newtonsoft has it; otherwise `&&` binds tighter.
    """

    __slots__ = ("_nested", "_right_nested")

    def __init__(self, text: str, right_nested: bool) -> None:
        super().__init__(text)
        self._right_nested = right_nested
        self._nested = 0

    def steps(self, name: re.Pattern[str]) -> tuple[Step, ...]:
        """Reads the steps of a path whose bare names look like that."""
        raise NotImplementedError

    def filter(self, scan: bool) -> Filter:
        """Reads `?( … )`."""
        self.at += 1
        if self.peek() != "(":
            self.fail('"(" is missing after "?"', "write the filter as [?(@.name)]")
        self._nested += 1
        if self._nested > _MAX_NESTED:
            self.fail("filters are nested too deeply")
        opened_at = self.at
        self.at += 1
        tests, texts = [], []
        operators, positions = [], []
        while True:
            self.blanks()
            start = self.at
            tests.append(self._test(opened_at))
            texts.append(self.text[start : self.at].rstrip())
            if self.blanks() == ")":
                break
            positions.append(self.at)
            operators.append(self._junction(opened_at))
        self.at += 1
        self._nested -= 1
        # With one kind of operator both readings agree, and the simple one is faster.
        nests = self._right_nested and len(set(operators)) > 1
        condition = Condition(
            tuple(tests), tuple(operators), nests, tuple(texts), tuple(positions)
        )
        return Filter(condition, scan)

    def _junction(self, opened_at: int) -> str:
        char = self.peek()
        operator = self.text[self.at : self.at + 2]
        if operator in ("&&", "||"):
            self.at += 2
            return operator
        if not char:
            self.fail_unclosed(opened_at, ")")
        if char in "&|":
            self.fail(f'a single "{char}" is no operator', f"write {char}{char}")
        hint = {"and": "write &&", "or": "write ||"}.get(self.take(_WORD).lower(), "")
        self.fail(f'expected "&&", "||" or ")" instead of "{char}"', hint)

    def _test(self, opened_at: int) -> Exists | Comparison:
        start = self.at
        left = self._side(opened_at)
        char = self.blanks()
        position = self.at
        if operator := self.take(_OPERATOR):
            self.at += len(operator)
            self.blanks()
            right = self._regex() if operator == "=~" else self._side(opened_at)
            operator = "!=" if operator == "<>" else operator
            return Comparison(left, operator, right, position)
        if char == "=":
            self.fail('"=" is no operator', "write ==")
        if isinstance(left, Literal):
            self.fail("a value alone is no condition", "compare it with a path", start)
        if char.isalpha() and self.take(_WORD).lower() not in ("and", "or"):
            self.fail("expected an operator", "write one of == != < <= > >= =~")
        return Exists(left)

    def _side(self, opened_at: int) -> Path | Literal:
        char = self.peek()
        if char in ("@", "$"):
            self.at += 1
            return Path(self.steps(_NAME), relative=char == "@")
        if char == "'":
            return Literal(self.quoted())
        if number := self.take(_NUMBER):
            return self._number(number)
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return Literal(value)
        if not char:
            self.fail_unclosed(opened_at, ")")
        self._fail_side(char)

    def _number(self, number: str) -> Literal:
        start = self.at
        self.at += len(number)
        # Newtonsoft reads a number up to a blank or a parenthesis, and && is neither.
        if self.peek() not in ("", " ", ")", "\t", "\r", "\n"):
            self.fail(
                'a number in a filter must be followed by a blank or ")"',
                "put a blank after the number",
            )
        if not number.lstrip("-").isdigit():
            return Literal(float(number))
        # The length first: Python refuses to read integers of thousands of digits.
        if len(number) > len(str(-_MAX_INTEGER)) or not (
            -_MAX_INTEGER <= int(number) < _MAX_INTEGER
        ):
            self.fail("the number does not fit 64 bits", "", start)
        return Literal(int(number))

    def _regex(self) -> Regex:
        start = self.at
        if self.peek() != "/":
            self.fail("a regular expression is missing after =~", "write =~ /pattern/")
        found = _REGEX.match(self.text, start)
        if found is None:
            self.fail_unclosed(start, "/")
        for offset, flag in enumerate(found[2], found.start(2)):
            if flag not in FLAGS:
                hint = "the flags are i, m, s and x"
                self.fail(f'unknown flag "{flag}"', hint, offset)
        self.at = found.end()
        try:
            return Regex(Pattern(found[1], found[2]))
        except RegexError as error:
            place = start + 1 + error.position
            raise JsonPathError(error.message, place, error.suggestion) from error

    def _fail_side(self, char: str) -> NoReturn:
        if char == "!":
            hint = "test for the opposite, for example with !="
            self.fail("filters have no negation", hint)
        if char == "(":
            hint = "list the alternatives: @.a && @.b || @.a && @.c"
            self.fail("filters have no grouping parentheses", hint)
        if char in '"“”‘’':
            self.fail("a text in a filter needs single quotes", "write 'text'")
        if char == "/":
            self.fail("a regular expression goes with =~", "write @.name =~ /pattern/")
        if word := self.take(_WORD):
            if self.text[self.at + len(word) :].lstrip().startswith("("):
                self.fail("functions are not part of this dialect", JMESPATH)
            self.fail("a path in a filter starts with @", f"write @.{word}")
        self.fail("expected a path or a value", "start a path with @ or $")
