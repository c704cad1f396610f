"""Builds what follows from the families: `python -m templates.build`.

A **family** is a folder whose `device.json` reads the messages of one vendor. Its types
are those of `catalogue.json`, which says once what Observation each is: so no family
has a code or a unit of its own, and one type is the same in the tables whoever sent it.

Built from the two, and committed, so that a user finds plain files:

- `<family>/fhir.json`: the types that the family's `device.json` names;
- `<family>/fhir-hourly-mean.json`, where the family has `heart_rate`: the same with one
  mean per hour instead of an Observation per heart beat reading;
- `all/`: all families in one mapping, and the sample messages of all.

Components that no device template of the folder fills are left out.
"""

import argparse
import copy
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

CATALOGUE = "catalogue.json"

ALL = "all"

EXAMPLES = frozenset({"vital-monitor"})
"""Folders with a mapping of their own, which reads messages of nobody in particular."""

HOURLY = "heart_rate"
"""The type that has a variant of one mean per hour."""

_WIDTH = 100

Json = Any


def families() -> list[Path]:
    """The folders of the families, by name; those without messages are unfinished."""
    found = (path.parent for path in HERE.glob("*/messages.ndjson"))
    return sorted(path for path in found if path.name not in {ALL, *EXAMPLES})


def built() -> dict[Path, str]:
    """Returns the text of every file that is built, by its path.

    Raises:
        KeyError: a family names a type that the catalogue lacks.
    """
    catalogue = {
        entry["template"]["typeName"]: entry
        for entry in _read(HERE / CATALOGUE)["template"]
    }
    files: dict[Path, str] = {}
    everything: list[Json] = []
    messages = ""
    for family in families():
        templates = _read(family / "device.json")["template"]
        everything += templates
        messages += (family / "messages.ndjson").read_text(encoding="utf-8")
        entries = _entries(catalogue, _values(templates), family.name)
        files[family / "fhir.json"] = _text(_fhir(entries))
        hourly = [_hourly(entry) for entry in entries]
        if hourly != entries:
            files[family / "fhir-hourly-mean.json"] = _text(_fhir(hourly))
    entries = _entries(catalogue, _values(everything), ALL)
    device = {"templateType": "CollectionContent", "template": everything}
    files[HERE / ALL / "device.json"] = _text(device)
    files[HERE / ALL / "fhir.json"] = _text(_fhir(entries))
    files[HERE / ALL / "messages.ndjson"] = messages
    return files


def _read(path: Path) -> Json:
    return json.loads(path.read_text(encoding="utf-8"))


def _values(templates: Iterable[Json]) -> dict[str, set[str]]:
    """The names of the values of each type."""
    found: dict[str, set[str]] = {}
    for each in templates:
        template = each["template"]
        names = (value["valueName"] for value in template["values"])
        found.setdefault(template["typeName"], set()).update(names)
    return found


def _entries(
    catalogue: Mapping[str, Json], values: Mapping[str, set[str]], family: str
) -> list[Json]:
    missing = sorted(values.keys() - catalogue.keys())
    if missing:
        msg = f"{CATALOGUE} lacks types of {family}: {', '.join(missing)}"
        raise KeyError(msg)
    return [
        _filled(entry, values[name])
        for name, entry in catalogue.items()
        if name in values
    ]


def _filled(entry: Json, names: set[str]) -> Json:
    """Without the components that nobody fills."""
    entry = copy.deepcopy(entry)
    template = entry["template"]
    if "components" in template:
        template["components"] = [
            component
            for component in template["components"]
            if component["value"]["valueName"] in names
        ]
    return entry


def _hourly(entry: Json) -> Json:
    if entry["template"]["typeName"] != HOURLY:
        return entry
    entry = copy.deepcopy(entry)
    template = entry["template"]
    at = list(template).index("typeName") + 1
    pairs = list(template.items())
    pairs.insert(at, ("periodInterval", 60))
    entry["template"] = dict(pairs)
    entry["template"]["value"]["aggregate"] = "mean"
    return entry


def _fhir(entries: list[Json]) -> Json:
    return {"templateType": "CollectionFhir", "template": entries}


def _text(document: Json) -> str:
    return f"{_layout(document, 0)}\n"


def _layout(node: Json, depth: int) -> str:
    """JSON of which what fits into a line is in one."""
    line = json.dumps(node, ensure_ascii=False)
    if not isinstance(node, (dict, list)) or not node:
        return line
    line = f"{{ {line[1:-1]} }}" if isinstance(node, dict) else line
    if len(line) + 2 * depth < _WIDTH and "templateType" not in line:
        return line
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(node, dict):
        parts = [
            f"{json.dumps(k, ensure_ascii=False)}: {_layout(v, depth + 1)}"
            for k, v in node.items()
        ]
        begin, end = "{}"
    else:
        parts = [_layout(each, depth + 1) for each in node]
        begin, end = "[]"
    joined = ",\n".join(f"{inner}{part}" for part in parts)
    return f"{begin}\n{joined}\n{outer}{end}"


def main(argv: list[str] | None = None) -> int:
    """Writes what is built; with `--check` only says what would change."""
    parser = argparse.ArgumentParser("python -m templates.build", allow_abbrev=False)
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; 1 if something would change",
    )
    flags = parser.parse_args(argv)
    changed = [
        (path, text)
        for path, text in built().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in changed:
        sys.stdout.write(f"{path.relative_to(HERE.parent)}\n")
        if not flags.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return int(flags.check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
