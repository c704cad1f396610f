"""The flags by which a streaming job finds its state on a Flink cluster."""

import argparse


def add_flink_flags(parser: argparse._ActionsContainer) -> None:
    """How a job is found again on a Flink cluster."""
    parser.add_argument(
        "--flink_rest",
        metavar="URL",
        help="the cluster, as http://jobmanager:8081: a stream then goes on from its"
        " newest state, and is refused a start that would lose readings",
    )
    parser.add_argument(
        "--flink_state",
        metavar="DIR",
        help="folder of the cluster's checkpoints and savepoints, as it sees it",
    )
    parser.add_argument(
        "--fresh_start",
        action="store_true",
        help="start without state although there may be some: what was read and not"
        " stored is not read again",
    )
