"""``loadtest asyncapi``: the contract as an AsyncAPI 3 document."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from loadtest.contract.asyncapi import asyncapi_document
from loadtest.contract.versions import DIALECTS
from loadtest.errors import UsageError


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "asyncapi",
        help="write the contract as an AsyncAPI 3 document",
        description="Write an AsyncAPI 3 document of OneChat's /cable: its events with their payloads and samples, "
        "the commands, and the frames of the protocol.",
    )
    parser.add_argument(
        "--dialect",
        choices=sorted(DIALECTS),
        default="seed",
        help="seed: the document's events; current: today's; auto: those of any version (default: %(default)s)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write it there instead of printing it")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write or print the document.

    Raises:
        UsageError: the file cannot be written.
    """
    text = json.dumps(asyncapi_document(options.dialect), indent=2, ensure_ascii=False) + "\n"
    if options.output is None:
        print(text, end="")
        return 0
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot be written ({error.strerror})", where=str(options.output), remedy="Choose another file"
        ) from error
    return 0
