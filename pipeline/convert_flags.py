"""The flags of `convert`: which export, and whose it is."""

import argparse

KINDS = {
    "apple-health": "export.zip or export.xml of Apple's Health app",
    "libreview": "CSV file of LibreView (FreeStyle Libre)",
}
"""What there is to convert, and what such a file is."""

DATE_ORDERS = ("DMY", "MDY", "YMD")


def add_convert_flags(parser: argparse._ActionsContainer) -> None:
    """The export, where its messages go, and what they lack."""
    parser.add_argument(
        "kind",
        metavar="KIND",
        choices=list(KINDS),
        help="; ".join(f"{kind}: {what}" for kind, what in KINDS.items()),
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="files of that kind")
    parser.add_argument(
        "--out",
        metavar="PATH",
        default="-",
        help="file of the messages, one a line; also .gz, .zst (default: -, stdout)",
    )
    parser.add_argument(
        "--patient", metavar="ID", help="the patient whose export it is"
    )
    parser.add_argument(
        "--device",
        metavar="ID",
        help="the device. Without it apple-health makes one of each source, and"
        " libreview takes the serial number",
    )
    parser.add_argument(
        "--timezone",
        metavar="ZONE",
        help="where the clocks hung, as Europe/Paris: libreview tells local times only",
    )
    parser.add_argument(
        "--date_order",
        choices=DATE_ORDERS,
        help="how libreview writes day, month and year; needed only where no date of"
        " the file tells",
    )
