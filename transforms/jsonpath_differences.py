"""Where the two readings of a JSONPath differ: ours and `--compat=medtech`."""

from collections.abc import Iterator

from transforms.date_token import date_token
from transforms.evaluation import Difference
from transforms.jsonpath_traits import filters_of, inner_paths
from transforms.jsonpath_tree import Comparison, Condition, Literal, Path


def differences(path: Path) -> tuple[Difference, ...]:
    """Places of a path that `--compat=medtech` reads otherwise, in their order.

    Values of a message can make more of a difference than a path shows: there, an order
    between a number and a text that is none fails the message.
    """
    found = [*_differences(path)]
    return tuple(sorted(found, key=lambda difference: difference.position))


def _differences(path: Path) -> Iterator[Difference]:
    for step in filters_of(path):
        yield from _nesting(step.condition)
        for test in step.condition.tests:
            if isinstance(test, Comparison):
                yield from _dates(test)
    for inner in inner_paths(path):
        yield from _differences(inner)


def _nesting(condition: Condition) -> Iterator[Difference]:
    operators = condition.operators
    # Newtonsoft's nesting to the right is the usual reading until && comes before ||.
    if "&&" not in operators or "||" not in operators[operators.index("&&") :]:
        return
    place = operators.index("||", operators.index("&&"))
    usual = " || ".join(
        _bracketed(" && ".join(group), len(group))
        for group in condition.groups(condition.texts)
    )
    nested = _nested(condition.texts, operators)
    message = f"&& and ||: here {usual}, in MedTech {nested}"
    yield Difference(condition.positions[place], message)


def _bracketed(text: str, parts: int) -> str:
    return f"({text})" if parts > 1 else text


def _nested(texts: tuple[str, ...], operators: tuple[str, ...]) -> str:
    """The condition with the parentheses of Newtonsoft's reading."""
    joined = texts[0]
    opened = 0
    for at, (text, operator) in enumerate(zip(texts[1:], operators, strict=True)):
        opens = at + 1 < len(operators) and operators[at + 1] != operator
        opened += opens
        joined += f" {operator} {'(' * opens}{text}"
    return joined + ")" * opened


def _dates(test: Comparison) -> Iterator[Difference]:
    """Comparisons with a text that looks like a time, which MedTech makes dates of."""
    if test.operator == "=~":
        return
    for side, other in ((test.left, test.right), (test.right, test.left)):
        if not isinstance(side, Literal) or not isinstance(other, Path):
            continue
        token = date_token(side.value) if isinstance(side.value, str) else None
        if token is None:
            continue
        spelt = side is test.right and test.operator in ("==", "!=")
        if not spelt:
            what = "MedTech makes dates of such texts and compares those"
            yield Difference(test.position, f"{test.operator}: {what}")
        elif token.iso != side.value:
            what = f"MedTech compares times in its own spelling, here {token.iso}"
            yield Difference(test.position, f"{test.operator}: {what}")
