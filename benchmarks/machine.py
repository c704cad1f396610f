"""The facts without which a timing means nothing."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

LIBRARIES = (
    "apache-beam",
    "orjson",
    "pyarrow",
    "numpy",
    "jmespath",
    "jsonpath-ng",
    "fhir.resources",
)


def facts() -> dict[str, str]:
    """Returns processor, cores, memory, Python and the versions of the libraries."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{library: version(library) for library in LIBRARIES},
    }


def show(console: Console) -> None:
    """Prints the facts below what was measured."""
    for name, fact in facts().items():
        console.print(f"{name:>15}  {fact}", highlight=False)


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            name, _, text = line.partition(":")
            if name.strip() == "model name":
                return text.strip()
    return platform.processor() or platform.machine()
