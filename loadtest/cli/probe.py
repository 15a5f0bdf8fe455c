"""``loadtest probe URL``: look at a target before a run."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import textwrap
from collections.abc import Iterable
from typing import Any

from loadtest.directory import read_identities
from loadtest.errors import UsageError
from loadtest.target.caller import is_loopback, without_secrets
from loadtest.target.probe import ProbePlan, probe
from loadtest.target.probe_delivery import choose_cast
from loadtest.target.probe_findings import Finding, ProbeReport
from loadtest.target.profile import Profile, read_profile
from loadtest.transport.address import CLIENTS, cable_endpoint

_SIGNS = {"ok": "ok", "note": "note", "warning": "warn", "fail": "FAIL", "untested": "-"}
_WIDTH = 100
_INDENT = " " * 24


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "probe",
        help="look at a target before a run",
        description="Look at a target before a run, in less than 15 s: handshake, pings, subscriptions, and whether "
        "what REST causes is delivered. With identities it opens one conversation where the contact has none and "
        "writes seven messages in it. Exits with 0 (PASS), 1 (FAIL: something is broken) or 3 (INCONCLUSIVE: delivery "
        "was not tested).",
    )
    parser.add_argument("url", metavar="URL", nargs="?", help="base URL, such as https://chat.example.com")
    parser.add_argument("--target", metavar="FILE", help="what is known of the target (TOML); options win over it")
    parser.add_argument("--identities", metavar="FILE", help="who there is, with their tokens (JSON lines)")
    parser.add_argument("--cable-path", metavar="PATH", help="path of the cable (/cable)")
    parser.add_argument("--origin", metavar="ORIGIN", help="Origin sent instead of the target's own, empty for none")
    parser.add_argument("--client", choices=CLIENTS, default="official", help="handshake as this client makes it")
    parser.add_argument("--ca-file", metavar="FILE", help="trust this CA (PEM)")
    parser.add_argument("--auth-header", metavar="NAME", help="header of access tokens, if not api_access_token")
    parser.add_argument("--allow-plaintext", action="store_true", help="send tokens over http:// off loopback")
    parser.add_argument(
        "--bad-input",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="ask what a bad token and bad input get (on loopback it is asked anyway)",
    )
    parser.add_argument(
        "--presence", action="store_true", help="also measure how long people are shown after a beat (2 minutes)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Probe, print, and return the verdict's code.

    Raises:
        UsageError: an option or a file is unusable.
    """
    plan = plan_of(options)
    _announce(plan)
    report = asyncio.run(probe(plan, _say))
    if options.json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        print(table(report))
    return report.exit_code


def plan_of(options: argparse.Namespace) -> ProbePlan:
    """What the options and the profile ask for; options win.

    Raises:
        UsageError: there is no URL, it is unusable, or a file is.
    """
    profile = read_profile(options.target) if options.target else None
    url = options.url or (profile.url if profile else None)
    if url is None:
        raise UsageError("no target", where="probe", remedy="Give its URL, or a profile with --target")

    def chosen(option: Any, key: str, default: Any = None) -> Any:
        return option if option is not None else profile.get(key, default) if profile else default

    allowed = options.allow_plaintext or bool(profile and profile.get("target.allow_plaintext"))
    headers = profile.read_headers() if profile else ()
    identities = chosen(options.identities, "people.identities")
    is_plain = url.partition("://")[0].lower() in ("http", "ws") and not is_loopback(url)
    if is_plain and (identities or headers or "@" in url) and not allowed:
        raise UsageError(
            "tokens would be sent unencrypted",
            where=without_secrets(url),
            remedy="Use https://, or say --allow-plaintext if you mean it",
        )
    directory = read_identities(identities) if identities else None
    if directory is not None and profile is not None:
        directory = profile.select(directory)
    endpoint = cable_endpoint(
        url,
        cable_path=chosen(options.cable_path, "target.cable_path", "/cable"),
        client=options.client,
        origin=chosen(options.origin, "target.origin"),
        subprotocols=_subprotocols(options, profile),
        ca_file=chosen(options.ca_file, "target.ca_file"),
        headers=headers,
        where="URL",
    )
    return ProbePlan(
        url=_rest_url(url, options.cable_path or "/cable"),
        endpoint=endpoint,
        directory=directory,
        headers=(*headers, *(h for h in endpoint.headers if h not in headers)),
        auth_header=chosen(options.auth_header, "target.auth_header", ""),
        bad_input=is_loopback(url) if options.bad_input is None else options.bad_input,
        presence=options.presence,
    )


def _rest_url(url: str, cable_path: str) -> str:
    """Where REST is: the same without user and password, which travel as a header, and without the cable's path."""
    shown = without_secrets(url)
    scheme, _, rest = shown.partition("://")
    return f"{scheme.lower().replace('ws', 'http')}://{rest}".removesuffix("/" + cable_path.strip("/"))


def _subprotocols(options: argparse.Namespace, profile: Profile | None) -> tuple[str, ...] | None:
    found: tuple[str, ...] | None = profile.get("target.subprotocols") if profile else None
    return None if options.client == "seed" else found


def _announce(plan: ProbePlan) -> None:
    cast = None if plan.directory is None else choose_cast(plan.directory)
    lines = [f"looking at {without_secrets(plan.url)}"]
    if cast is not None:
        place = (
            f"conversation {cast.contact.conversation_ids[0]}"
            if cast.contact.conversation_ids
            else "a new conversation"
        )
        lines.append(
            f"as contact {cast.contact.contact_id} and agent {cast.agent.user_id} of account "
            f"{cast.contact.account_id}, writing seven messages in {place}"
        )
    if plan.bad_input:
        lines.append("asking with a bad token and bad input, which shows in the server's log")
    _say("; ".join(lines))


def _say(text: str) -> None:
    print(f"loadtest: {text}", file=sys.stderr, flush=True)


def table(report: ProbeReport) -> str:
    """A report for a terminal: a line for each question, with what it means and what to do below it."""
    lines: list[str] = []
    for finding in report.findings:
        lines += _lines(finding)
    counts = {state: sum(f.state == state for f in report.findings) for state in _SIGNS}
    parts = [f"{n} {state}" for state, n in counts.items() if n]
    lines += ["", f"{report.result}: {report.url} in {report.took_s:.1f} s ({', '.join(parts)})"]
    return "\n".join(lines)


def _lines(finding: Finding) -> Iterable[str]:
    head = f"{_SIGNS[finding.state]:5} {finding.name:16}  "
    value = textwrap.wrap(finding.value, _WIDTH - len(head)) or [""]
    yield head + value[0]
    yield from (_INDENT + line for line in value[1:])
    if finding.meaning and finding.state != "ok":
        yield from (_INDENT + line for line in textwrap.wrap(finding.meaning, _WIDTH - len(_INDENT)))
    if finding.remedy:
        arrow = textwrap.wrap(finding.remedy, _WIDTH - len(_INDENT) - 3)
        yield from (_INDENT + ("-> " if index == 0 else "   ") + line for index, line in enumerate(arrow))
