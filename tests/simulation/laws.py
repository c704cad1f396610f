"""What must hold in the end, whatever happened on the way."""

import re
from pathlib import Path

from pipeline.slot_files import read_parquet, slot_in, state_in
from pipeline.upsert_files import Folder
from tests.runs import files
from transforms import exact_json, schema
from transforms.slot_state import Phase

from .errors import BrokenLawError

_STATUS = re.compile(rb'"status":"(final|preliminary|amended)"')

_LATER = ("preliminary", "final", "amended")
"""Statuses in the order in which an Observation may have them."""


def check(simulation):
    """Judges a simulation that was run.

    Raises:
        BrokenLawError: a law does not hold.
    """
    run, batch = Path(simulation.folder), Path(simulation.expected)
    _same_stores(run, batch, zombies=simulation.history.zombies)
    statuses = _statuses(run)
    _same_statuses(run, statuses)
    _never_backwards(simulation)
    _states_told(simulation, statuses)
    if simulation.server is not None:
        _same_on_server(run, simulation.server.store, merge=simulation.history.merge)
    if simulation.is_undisturbed:
        _accounted_for(run, simulation)


def _same_stores(run, batch, *, zombies):
    """All that the undisturbed run leaves, status aside, and nothing else."""
    _same("measurement", _tables(run, "measurement"), _tables(batch, "measurement"))
    found, wanted = (
        {n: t.drop_columns(["status"]) for n, t in _tables(r, "observation").items()}
        for r in (run, batch)
    )
    _same("observation", found, wanted)
    found, wanted = (
        {n: _STATUS.sub(b"", text) for n, text in files(r / "fhir").items()}
        for r in (run, batch)
    )
    _same("fhir", _kept(found, zombies=zombies), wanted)
    found = _kept(files(run / "dead_letters"), zombies=zombies)
    _same("dead letters", found, files(batch / "dead_letters"))


def _kept(contents, *, zombies):
    """Without temporary files, where nobody has come after the one that left them."""
    names = (name for name in contents if not zombies or "/." not in f"/{name}")
    return {name: contents[name] for name in names}


def _tables(root, name):
    kind = {"measurement": schema.MEASUREMENT, "observation": schema.OBSERVATION}[name]
    folder = Folder(str(root / name))
    return {
        path: read_parquet(folder, path, content, kind)
        for path, content in files(root / name).items()
        if path.endswith(".parquet")
    }


def _same(what, found, wanted):
    names = [n for n in sorted({*found, *wanted}) if found.get(n) != wanted.get(n)]
    if names:
        msg = f"{what} differs: {', '.join(map(str, names))}"
        raise BrokenLawError(msg)


def _lines(root, kind):
    return [
        exact_json.loads(line)
        for content in files(root / "fhir" / kind).values()
        for line in content.splitlines()
    ]


def _statuses(root):
    return {one["id"]: one["status"] for one in _lines(root, "Observation")}


def _same_statuses(run, statuses):
    """The observation table says what the resources say."""
    found = {}
    for table in _tables(run, "observation").values():
        columns = table["observation_id"].to_pylist(), table["status"].to_pylist()
        found |= dict(zip(*columns, strict=True))
    _same("status", found, statuses)


def _never_backwards(simulation):
    """In a file no Observation's status ever went back."""
    known = {}
    for path, content, _bundle in simulation.disk.written:
        if "/fhir/Observation/" not in path:
            continue
        for line in content.splitlines():
            one = exact_json.loads(line)
            rank = _LATER.index(one["status"])
            if rank < known.get(one["id"], 0):
                msg = f"status of Observation/{one['id']} went back in {path}"
                raise BrokenLawError(msg)
            known[one["id"]] = rank


def _states_told(simulation, statuses):
    """Periods are preliminary, final or amended exactly as their slot's life was."""
    versions = {}
    for path, content, bundle in simulation.disk.written:
        name = path.rpartition("/measurement/")[2]
        if path.startswith(simulation.folder) and slot_in(name):
            versions.setdefault(name, []).append((content, bundle.shape))
    wanted = {}
    for name, contents in versions.items():
        wanted |= _wanted(simulation, name, contents)
    found = {key: status for key, status in statuses.items() if key in wanted}
    _same("status of a period", found, wanted)


def _wanted(simulation, name, contents):
    """The statuses that the periods of a slot must have, by the life of its file."""
    last, phase, amended = {}, None, set()
    for content, shape in contents:
        state, rows = _life(simulation, name, content)
        if phase not in (None, Phase.OPEN) and shape != "whole":
            amended |= {key for key, known in last.items() if rows.get(key) != known}
        last, phase = rows, state.phase
    shapes = [plan.shape for plan in simulation.history.jobs]
    if shapes[-1] != "direct" and phase is Phase.OPEN:
        msg = f"{name} was never closed"
        raise BrokenLawError(msg)
    if set(shapes) == {"direct"} and phase is not Phase.OPEN:
        msg = f"{name} was closed by nobody"
        raise BrokenLawError(msg)
    if phase is Phase.OPEN:
        return dict.fromkeys(last, "preliminary")
    statuses = {key: "amended" if key in amended else "final" for key in last}
    withdrawn = {*statuses} - {*_statuses(Path(simulation.expected))}
    return {key: status for key, status in statuses.items() if key not in withdrawn}


def _life(simulation, name, content):
    """The state of a slot's file, and the readings of each of its periods."""
    folder = Folder(f"{simulation.folder}/measurement")
    table = read_parquet(folder, name, content, schema.MEASUREMENT)
    periods, rows = simulation.setting.periods, {}
    for row in table.to_pylist():
        if row["type"].lower() in periods:
            rows.setdefault(row["observation_id"], []).append(row)
    return state_in(folder, name, content), rows


def _same_on_server(run, store, *, merge):
    """The server holds what the folder holds, statuses too."""
    for kind in ("Patient", "Device", "Observation"):
        wanted = {one["id"]: one for one in _lines(run, kind)}
        found = store.everything(kind)
        if merge and kind == "Observation":
            found, wanted = (
                {key: _values(one) for key, one in each.items()}
                for each in (found, wanted)
            )
        _same(f"{kind} on the server", found, wanted)


_NO_REASON = ("status", "issued", "encounter", "effectiveDateTime", "component")


def _values(observation):
    """What a merge must bring about; for the rest alone it does not write.

    It has its own rule for `amended`, and a component that comes later stands later.
    """
    rest = {k: v for k, v in observation.items() if k not in _NO_REASON}
    components = observation.get("component", ())
    return rest, sorted(components, key=lambda one: str(one["code"]))


def _accounted_for(run, simulation):
    """Every reading was stored, took another's place, or was there already."""
    counts = simulation.setting.counts
    rows = sum(table.num_rows for table in _tables(run, "measurement").values())
    found = counts["new"], counts["new"] + counts["replaced"] + counts["repeated"]
    _same("count", dict(enumerate(found)), {0: rows, 1: counts["read"]})
