"""Regular expressions of filters: .NET's notation, and bounded time."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms import jsonpath_work
from transforms.evaluation import WorkError
from transforms.jsonpath import compile_path
from transforms.jsonpath_regex import Pattern, RegexError


@pytest.mark.parametrize(
    ("pattern", "texts", "matches"),
    [
        (r"(?<unit>mm)Hg \k<unit>", ["mmHg mm", "mmHg m"], ["mmHg mm"]),
        (r"(?'unit'mm)Hg \k'unit'", ["mmHg mm", "mmHg m"], ["mmHg mm"]),
        (r"^\p{L}+$", ["Müller", "M1"], ["Müller"]),
        (r"^\P{L}+$", ["12", "M1"], ["12"]),
        (r"a\Z", ["a", "a\n", "a\n\n", "ab"], ["a", "a\n"]),
        (r"a\z", ["a", "a\n"], ["a"]),
        (r"a$", ["a", "a\n", "a\nb"], ["a", "a\n"]),
        (r"(?i:HR)-1", ["hr-1", "hr-2"], ["hr-1"]),
        (r"(?<!non-)invasive", ["invasive", "non-invasive"], ["invasive"]),
        (r"(?>a+)b", ["aab", "aac"], ["aab"]),
        (r"^a{2}$", ["aa", "a{2}"], ["aa"]),
        # Braces that are no repetition are braces, and no fuzzy matching.
        (r"abc{e<=1}", ["abc{e<=1}", "abd"], ["abc{e<=1}"]),
        (r"a{,2}$", ["a{,2}", "aa"], ["a{,2}"]),
        (r"[]a]{1}", ["]", "b"], ["]"]),
        (r"[[a]", ["[", "b"], ["["]),
        (r"\e", ["\x1b", "e"], ["\x1b"]),
        (r"\d", ["٣", "x"], ["٣"]),
    ],
)
def test_patterns_mean_what_they_mean_in_dot_net(pattern, texts, matches):
    assert compile_path(f"$[?(@ =~ /{pattern}/)]").find(texts) == matches


@pytest.mark.parametrize(
    "pattern",
    ["heart", "hr|rr", r"^HR-\d\d$", "^(hr|rr|spo2)$", r"[a-z]\p{L}(?:b|c).", "a{x}"],
)
def test_simple_patterns_run_free(pattern):
    assert Pattern(pattern, "i").is_simple


@pytest.mark.parametrize(
    "pattern",
    ["^a*b", "a?b", "a{2}", "(a|a)(a|a)b", "(?=a)b", r"(a)\1", "(?<n>a)\\k<n>"],
)
def test_other_patterns_are_watched(pattern):
    assert not Pattern(pattern, "").is_simple


SLOW = "a" * 28 + "b"


@pytest.mark.parametrize(
    "text",
    [
        "$[?(@ =~ /^(a|a)+$/)]",
        "$..[?(@ =~ /^(a|a)+$/)]",
        "$[?(@..* =~ /^(a|aa)+$/)]",
        "$[?($[0] =~ /^(a|a)+$/)]",
        "$..*..[?(@ =~ /^(a|a)+$/)]",
    ],
)
@pytest.mark.parametrize("medtech", [False, True])
def test_all_searches_together_are_bounded(text, medtech, monkeypatch):
    monkeypatch.setattr(jsonpath_work, "_MOST_SECONDS", 0.05)
    path = compile_path(text, medtech=medtech)
    started = time.monotonic()

    for evaluate in (path.find, path.select, path.locate):
        with pytest.raises(WorkError) as caught:
            evaluate(["a" * 50 + "b"] * 1000)
        assert caught.value.text == text
        assert "aa" not in str(caught.value)
    assert time.monotonic() - started < 20


def test_searches_that_are_slow_but_few_come_to_their_end():
    texts = [SLOW[10:], SLOW[8:], "aaa", SLOW[9:]]

    assert compile_path("$[?(@ =~ /^(a|a)+$/)]").find(texts) == ["aaa"]


def test_a_simple_pattern_takes_linear_time():
    texts = ["b" + "a" * 3_000_000, "a" * 3_000_000]

    assert compile_path("$[?(@ =~ /^b(a|b)/)]").find(texts) == texts[:1]
    assert compile_path("$[?(@ =~ /a(b|c|.b)/)]").find(texts) == []


@given(
    st.text(max_size=12) | st.text("ab()[]{}|?*+^$\\<>='!:kZzpPLe,12i-&R#", max_size=12)
)
def test_any_text_is_a_pattern_or_an_error_with_a_place(text):
    position = None
    try:
        Pattern(text, "").finds("ab12", 10)
    except RegexError as error:
        position = error.position
    assert position is None or 0 <= position <= len(text)


@given(st.text("ab.|", max_size=8), st.text("ab", max_size=8))
def test_plain_patterns_are_those_of_python(pattern, text):
    assert Pattern(pattern, "").quickly_finds(text) is bool(re.search(pattern, text))
