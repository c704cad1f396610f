"""The command line: `python -m deploy.flink.local up`, and what comes after."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.flink.local.cluster import WORKERS, Cluster
from deploy.flink.local.libraries import ClusterError, libraries, usual_cache
from deploy.flink.local.settings import Settings, free_ports, saved, usual_ports

_ABOUT = """\
A Flink cluster on this machine, with Beam's job server and its Kafka reader: processes,
no containers. Needs Java 17; Maven fetches 200 MB the first time.
"""


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.flink.local", description=_ABOUT, allow_abbrev=False
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("out/flink"),
        metavar="DIR",
        help="logs, configuration and state of the cluster (default %(default)s)",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start what does not run, and wait for it")
    up.add_argument("--task_managers", type=int, default=2, metavar="N")
    up.add_argument("--slots", type=int, default=1, metavar="N", help="of each")
    up.add_argument("--free_ports", action="store_true", help="not the usual ones")
    up.add_argument("--cache", type=Path, default=usual_cache(), metavar="DIR")
    up.add_argument(
        "--stay",
        action="store_true",
        help="then wait, and end the cluster when standard input ends",
    )
    commands.add_parser("status", help="what runs, and where its log is")
    commands.add_parser("options", help="options of a run on this cluster")
    for name, does in (("start", "start one part"), ("kill", "kill -9 one part")):
        one = commands.add_parser(name, help=does)
        one.add_argument(
            "part", help="as status names them; for kill also a kind of workers"
        )
    commands.add_parser("down", help="end everything; logs and state stay")
    return parser.parse_args(argv)


def _up(flags: argparse.Namespace) -> Cluster:
    folder = flags.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    number = flags.task_managers
    if number < 1 or flags.slots < 1:
        msg = "--task_managers and --slots must be positive"
        raise ClusterError(msg)
    before = saved(folder)
    if before is not None and any(map(Cluster(before).pid, before.parts)):
        cluster = Cluster(before)  # as it was started: its ports are taken
    else:
        settings = Settings(
            folder=folder,
            libraries=libraries(flags.cache.resolve()),
            python=Path(os.path.abspath(sys.executable)),
            task_managers=number,
            slots=flags.slots,
            ports=(free_ports if flags.free_ports else usual_ports)(number),
        )
        cluster = Cluster(settings)
        cluster.prepare()
    for part in cluster.settings.parts:
        cluster.start(part)
    cluster.wait()
    return cluster


def _status(cluster: Cluster) -> str:
    settings = cluster.settings
    lines = []
    for part in settings.parts:
        pid = cluster.pid(part)
        how = "down" if pid is None else f"pid {pid}"
        lines.append(f"{part:<16}{how:<14}{settings.log(part)}\n")
    return "".join(lines)


def options(settings: Settings) -> list[str]:
    """What `vitalbeam run` needs to run on this cluster."""
    return [
        "--runner=PortableRunner",
        f"--job_endpoint=localhost:{settings.ports['job']}",
        "--environment_type=PROCESS",
        f'--environment_config={{"command":"{settings.worker("python")}"}}',
        f"--expansion_service=localhost:{settings.ports['expansion']}",
        "--experiments=use_deprecated_read",
        f"--parallelism={settings.task_managers * settings.slots}",
        "--checkpointing_interval=5000",
        "--checkpointing_mode=EXACTLY_ONCE",
        "--externalized_checkpoints_enabled",
        "--retain_externalized_checkpoints_on_cancellation",
        "--finish_bundle_before_checkpointing",
        "--max_bundle_time_mills=300",
        f"--flink_rest=http://localhost:{settings.ports['rest']}",
        f"--flink_state={settings.state}",
    ]


def _existing(flags: argparse.Namespace) -> Cluster:
    settings = saved(flags.folder.resolve())
    if settings is None:
        msg = f"{flags.folder} holds no cluster: start one with up"
        raise ClusterError(msg)
    part = getattr(flags, "part", None)
    known = (*settings.parts, *(WORKERS if flags.command == "kill" else ()))
    if part is not None and part not in known:
        msg = f"there is no part {part}: there are {', '.join(known)}"
        raise ClusterError(msg)
    return Cluster(settings)


def _stay(cluster: Cluster) -> None:
    # Whoever ends a group of processes ends the cluster with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.stdin.read()
    except KeyboardInterrupt:
        pass
    finally:
        cluster.down()


def _do(flags: argparse.Namespace) -> None:
    if flags.command == "up":
        cluster = _up(flags)
        address = f"http://localhost:{cluster.settings.ports['rest']}"
        sys.stdout.write(f"READY {address}\n{_status(cluster)}")
        sys.stdout.flush()
        if flags.stay:
            _stay(cluster)
        return
    cluster = _existing(flags)
    if flags.command == "status":
        sys.stdout.write(_status(cluster))
    elif flags.command == "options":
        sys.stdout.write(" ".join(options(cluster.settings)) + "\n")
    elif flags.command == "start":
        cluster.start(flags.part)
    elif flags.command == "kill":
        cluster.kill(flags.part)
    else:
        cluster.down()


def main(argv: Sequence[str] | None = None) -> int:
    """Does one command; returns the exit status."""
    try:
        _do(_parse(sys.argv[1:] if argv is None else argv))
    except ClusterError as error:
        sys.stderr.write(f"flink: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
