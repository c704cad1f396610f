"""What the README says of columns, errors and flags is what the program does."""

import re

import pytest
from runs import ROOT

from pipeline.__main__ import parse
from transforms import errors
from transforms.schema import MEASUREMENT, OBSERVATION

README = (ROOT / "README.md").read_text()


def rows(schema):
    """A schema as the README's table has it."""
    for field in schema:
        meaning, unit = (
            field.metadata.get(key, b"").decode() for key in (b"description", b"unit")
        )
        yield f"| `{field.name}` | {field.type} | {meaning} | {unit} |"


@pytest.mark.parametrize(
    "schema", [MEASUREMENT, OBSERVATION], ids=["measurement", "observation"]
)
def test_every_column_stands_in_the_readme(schema):
    assert "\n".join(rows(schema)) in README


def test_every_error_name_stands_in_the_readme():
    names = {kind.name for kind in errors.RecordError.__subclasses__()}
    assert names == set(re.findall(r"^\| `([A-Z]\w+)` \|", README, re.MULTILINE))


def test_every_flag_of_run_stands_in_the_readme(capsys):
    with pytest.raises(SystemExit):
        parse(["run", "--help"])
    flags = set(re.findall(r"--\w+", capsys.readouterr().out)) - {"--help", "--name"}
    assert flags <= set(re.findall(r"--\w+", README))
