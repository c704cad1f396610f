"""The import rules: the middle knows no outside world, nouns know no Beam."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TRANSFORMS = {path.stem: path for path in (ROOT / "transforms").glob("*.py")}
PIPELINE = {path.stem: path for path in (ROOT / "pipeline").glob("*.py")}

STAGES = {"normalize", "identify", "group", "observe"}
BEAM = STAGES | {"batch_coder", "lanes"}

# Modules of the standard library through which the outside world comes in.
OUTSIDE = {"os", "io", "pathlib", "socket", "subprocess", "time", "tempfile", "shutil"}

DISTRIBUTIONS = {
    "apache_beam": "apache-beam",
    "fhir": "fhir.resources",
    "grpc": "grpcio",
    "azure": "azure-identity",
    "google": "google-auth",
}

# What only some users install is imported here only, when they ask for it.
OF_EXTRAS = {
    "fhir_azure": "azure",
    "fhir_google": "google",
    "fhir_oauth": "oauth",
    "fhir_smart": "oauth",
    "kafka_check": "kafka",
    "kafka_client": "kafka",
    "kafka_group": "kafka",
    "kafka_commits": "kafka",
    "kafka_messages": "kafka",
    "kafka_places": "kafka",
    "kafka_reader": "kafka",
    "kafka_settings": "kafka",
    "object_errors": "cloud",
    "object_files": "cloud",
    "object_parts": "cloud",
}


def imports(path):
    """Top-level packages and full names a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


def packages(path):
    return {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_know_neither_the_pipeline_nor_the_outside_world(name):
    assert not packages(TRANSFORMS[name]) & {"pipeline", *OUTSIDE}


@pytest.mark.parametrize("name", sorted(TRANSFORMS.keys() - BEAM))
def test_nouns_do_not_import_beam(name):
    assert "apache_beam" not in packages(TRANSFORMS[name])


@pytest.mark.parametrize("name", sorted(STAGES))
def test_stages_do_not_import_each_other(name):
    used = {found.removeprefix("transforms.") for found in imports(TRANSFORMS[name])}
    assert not used & (STAGES - {name})


@pytest.mark.parametrize(
    "path", [*TRANSFORMS.values(), *PIPELINE.values()], ids=lambda path: path.stem
)
def test_only_declared_dependencies_are_imported(path):
    extra = OF_EXTRAS.get(path.stem)
    declared = {
        re.split("[<>=!~; ]", requirement)[0].replace("-", "_").lower()
        for requirement in importlib.metadata.requires("vitalbeam")
        if "extra ==" not in requirement or f'extra == "{extra}"' in requirement
    }
    foreign = packages(path) - set(sys.stdlib_module_names) - {"pipeline", "transforms"}
    assert {DISTRIBUTIONS.get(name, name).replace("-", "_") for name in foreign} <= (
        declared
    )


def test_what_only_some_install_is_imported_when_they_ask_for_it():
    code = "import pipeline.launch, sys; sys.exit('authlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("command", ["--help", "check"])
def test_what_needs_no_beam_does_not_load_it(command):
    flags = [command] if command == "--help" else [command, "templates/vital-monitor"]
    code = (
        "import sys\nfrom pipeline.__main__ import main\n"
        f"try:\n    main({flags!r})\nexcept SystemExit:\n    pass\n"
        "sys.exit('apache_beam' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
