"""Our flags as Beam options, and Beam's own flags beside them."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from apache_beam.options.pipeline_options import (
    PipelineOptions,
    _BeamArgumentParser,
)

from pipeline.flink_flags import add_flink_flags
from pipeline.flink_options import FlinkJobOptions  # noqa: F401 - known by being there
from pipeline.options import (
    UsageError,
    add_identity_flags,
    add_mapping_flags,
    add_message_flags,
    add_output_flags,
    add_range_flags,
    add_rule_flags,
    add_server_flags,
    unknown,
)
from pipeline.stream_options import add_stream_flags


class IngestOptions(PipelineOptions):
    """The flags of `vitalbeam run`, so that a launcher of any runner finds them.

    Every flag is a JSON scalar or a list of them.
    """

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        add_mapping_flags(parser)
        add_rule_flags(parser)
        add_range_flags(parser)
        add_message_flags(parser)
        add_output_flags(parser)
        add_server_flags(parser)
        add_identity_flags(parser)
        add_stream_flags(parser)
        add_flink_flags(parser)


class _Flags(_BeamArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Beam's usage has hundreds of flags: the sentence will do."""
        raise UsageError(message)


def beam_options(flags: Sequence[str]) -> PipelineOptions:
    """Options for the runner.

    Args:
        flags: what is left of the command line when ours are taken out.

    Raises:
        UsageError: a flag is neither ours nor Beam's; Beam would ignore it.
    """
    parser = _Flags(add_help=False, allow_abbrev=False)
    every: list[type[PipelineOptions]] = [PipelineOptions]
    for options in every + PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)  # the hook by which Beam collects flags
    _, rest = parser.parse_known_args(list(flags))
    if rest:
        raise unknown(rest, parser)
    return PipelineOptions(list(flags))
