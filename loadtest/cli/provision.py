"""``loadtest provision``: make on an installation what a run needs, and take it back."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtest.cli.progress import ProgressLine
from loadtest.directory import Agent, Directory, read_identities, write_identities
from loadtest.directory.secret_files import read_secret
from loadtest.errors import UsageError
from loadtest.journal import Journal
from loadtest.nouns import many, noun
from loadtest.target.access_tokens import look_up, read_tokens
from loadtest.target.caller import Address, Caller, is_loopback, without_secrets
from loadtest.target.inventory import take_inventory
from loadtest.target.profile import PLATFORM_TOKEN_ENV, Profile, read_profile
from loadtest.target.provision import Provisioner, Tokens
from loadtest.target.resuming import open_journal
from loadtest.target.teardown import ONLINE_WAIT_S, Keys, Outcome, Teardown
from loadtest.target.wanted import Wanted

ADMIN_TOKEN_ENV = "LOADTEST_ADMIN_TOKEN"  # noqa: S105 - a variable's name
EXIT_LEFT = 1
EXIT_INTERRUPTED = 130
PER_MINUTE = 1800
"""Calls a minute off this machine: well below the 3,000 that upstream allows an address, users behind it included."""


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "provision",
        help="make agents, inboxes and contacts to run with, and take them back",
        description="Make an account of its own with agents, teams, API inboxes, contacts and conversations, and write "
        "the identities file of a run. Everything made is written into a journal first, so that the same command goes "
        "on where it was stopped, and --teardown takes back what the journal lists, and nothing else. The token of "
        f"the platform app stands in {PLATFORM_TOKEN_ENV} or in --platform-token-file, never in an argument.",
    )
    add = parser.add_argument
    add("--host", metavar="URL", help="base URL of the installation")
    add("--target", metavar="FILE", help="a profile (target.toml) that names it")
    add("--agents", type=int, metavar="N", help="agents to make; the first is the account's administrator (10)")
    add("--contacts", type=int, metavar="M", help="contacts to make (40; 0 with --from-access-tokens)")
    add("--members", type=int, default=10, metavar="K", help="agents that see an inbox (%(default)s)")
    add("--teams", type=int, default=2, metavar="T", help="teams to make (%(default)s)")
    add("--no-conversations", action="store_true", help="leave it to the run to open conversations")
    add("--identities", type=Path, metavar="FILE", help="identities file to write (identities.jsonl)")
    add("--journal", type=Path, metavar="FILE", help="journal to write (beside the identities, as *.journal)")
    add("--account", type=int, default=0, metavar="ID", help="make it in this account, which is there already")
    add("--i-understand", action="store_true", help="that people and machines of that account will notice the load")
    add(
        "--from-access-tokens",
        type=Path,
        metavar="FILE",
        help="use agents that are there, by their access tokens, one a line",
    )
    add(
        "--platform-token-file",
        metavar="FILE",
        help=f"file of the platform app's token, in place of {PLATFORM_TOKEN_ENV}",
    )
    add(
        "--admin-token-file",
        metavar="FILE",
        help=f"file of an administrator's access token, for --account, in place of {ADMIN_TOKEN_ENV}",
    )
    add("--ca-file", metavar="FILE", help="trust this CA (PEM)")
    add("--allow-plaintext", action="store_true", help="send tokens over http:// off loopback")
    add("--requests-per-minute", type=int, metavar="N", help=f"send no more ({PER_MINUTE} off loopback)")
    add("--dry-run", action="store_true", help="say what would be done, and change nothing")
    add(
        "--teardown",
        type=Path,
        nargs="+",
        metavar="JOURNAL",
        help="take back what these journals list: those of provision, and reports/RUN/journal*.jsonl of runs",
    )
    add(
        "--wait-online",
        type=float,
        default=ONLINE_WAIT_S,
        metavar="SECONDS",
        help="how long to wait for contacts that are online and cannot be removed (%(default)g)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Provision or take back; errors are the toolkit's."""
    progress = ProgressLine(sys.stderr)
    try:
        if options.teardown:
            return _take_back(options, progress)
        return _provision(options, progress)
    except KeyboardInterrupt:
        progress.close()
        print("loadtest: stopped. The same command goes on from here; --teardown takes back.", file=sys.stderr)
        return EXIT_INTERRUPTED
    finally:
        progress.close()


# -- provision -------------------------------------------------------------------------------------------------------


def _provision(options: argparse.Namespace, progress: ProgressLine) -> int:
    profile = read_profile(options.target) if options.target else None
    identities: Path = options.identities or Path("identities.jsonl")
    journal_path: Path = options.journal or identities.with_suffix(".journal")
    if not os.access(identities.parent, os.W_OK | os.X_OK):
        raise UsageError(
            "the folder does not exist, or cannot be written to",
            where=str(identities),
            remedy="Give --identities in a folder that you may write to",
        )
    if identities.exists() and not journal_path.exists() and not options.dry_run:
        raise UsageError(
            "the identities file exists, and its journal does not: it would be overwritten",
            where=str(identities),
            remedy="Give another --identities, or the --journal it was made with",
        )
    caller = _caller(options, profile, _url(options, profile), progress)
    try:
        given, admin = _given(options, caller, progress)
        contacts = options.contacts if options.contacts is not None else 0 if given else 40
        if given and not contacts:
            directory = Directory(tuple(given), (), caller.url)
            if not options.dry_run:
                write_identities(identities, directory)
            agents, are = many(len(given), "agent"), noun(len(given), "is", "are")
            print(f"{agents} of {caller.url} {'would be' if options.dry_run else are} in {identities}.")
            print("A run needs contacts too: give --contacts, --account and --i-understand to make some.")
            return 0
        if given and not options.account:
            raise UsageError(
                "contacts beside agents that are there need an inbox in their account",
                where="--from-access-tokens",
                remedy="Give --account ID and --i-understand",
            )
        wanted = Wanted(
            agents=len(given) or (10 if options.agents is None else options.agents),
            contacts=contacts,
            members=options.members,
            teams=options.teams,
            conversations=not options.no_conversations,
            account_id=options.account,
            given=tuple(agent.user_id for agent in given),
        )
        tokens = Tokens("" if given else _platform_token(options, profile), admin)
        if options.account:
            _ask(options, caller, admin)
        if options.dry_run:
            print("\n".join(_plan(wanted, caller.url, identities, journal_path)))
            return 0
        journal = open_journal(journal_path, wanted, caller.url)
        try:
            directory = Provisioner(caller, journal, wanted, tokens, progress, given).run()
            write_identities(identities, directory)
        finally:
            journal.close()
    finally:
        caller.close()
    progress.close()
    print("\n".join(_made(journal, directory, caller.url, identities)))
    return 0


def _given(options: argparse.Namespace, caller: Caller, progress: ProgressLine) -> tuple[list[Agent], str]:
    """The agents to use, if they are given by their tokens; and an administrator's token, if one is needed."""
    given = []
    if options.from_access_tokens:
        if options.agents is not None:
            raise UsageError("agents to make and agents that are there", where="--agents", remedy="Give one of the two")
        given = look_up(caller, read_tokens(options.from_access_tokens), progress, options.account)
    if not options.account:
        return given, ""
    if options.admin_token_file or os.environ.get(ADMIN_TOKEN_ENV, "").strip():
        return given, _admin_token(options)
    own = next((agent.access_token for agent in given if agent.role == "administrator"), "")
    return given, own or _admin_token(options)


def _ask(options: argparse.Namespace, caller: Caller, admin: str) -> None:
    """Say who and what is in an account that is in use, and go on only if that was understood."""
    print("\n".join(take_inventory(caller, admin, options.account).lines()))
    if not options.i_understand and not options.dry_run:
        raise UsageError(
            "the account is in use, and what is listed above will notice the load",
            where=f"--account {options.account}",
            remedy="Leave --account out to make one for the load, or say --i-understand",
        )


def _plan(wanted: Wanted, url: str, identities: Path, journal: Path) -> list[str]:
    where = "an account of its own" if wanted.own_account else f"account {wanted.account_id}, which is there"
    staff = (
        f"  {many(wanted.agents, 'agent that is there', 'agents that are there')}, in these inboxes and teams"
        if wanted.given
        else f"  {many(wanted.agents, 'user')} RUN-1@loadtest.invalid ..., without notifications"
        + (", the first as administrator" if wanted.own_account else "")
    )
    contacts = many(wanted.contacts, "contact")
    talks = ", each with a conversation" if wanted.conversations else ""
    inboxes = "1 API inbox," if wanted.inbox_count == 1 else f"{wanted.inbox_count} API inboxes, each"
    return [
        f"Would make on {url}, in {where}:",
        staff,
        f"  {inboxes} seen by {many(min(wanted.members, wanted.agents), 'agent')}, without "
        "greeting, webhook or auto-assignment",
        f"  {many(wanted.teams, 'team')}",
        f"  {contacts} RUN-{wanted.agents + 1}@loadtest.invalid ...{talks}, without phone numbers",
        f"About {many(wanted.calls(), 'call')}; identities would go to {identities}, the journal to {journal}.",
        "Nothing was done.",
    ]


def _made(journal: Journal, directory: Directory, url: str, identities: Path) -> list[str]:
    account_id = directory.agents[0].account_id
    return [
        f"Account {account_id} of {url} has {many(len(directory.agents), 'agent')} and "
        f"{many(len(directory.contacts), 'contact')} of this load test (tag {journal.begin.tag}); they are in "
        f"{identities}, which holds their tokens.",
        "A first, gentle run:",
        f"    locust -f locustfiles/mixed.py --headless --host {url} --identities {identities} "
        f"--agents {len(directory.agents)} --contacts {len(directory.contacts)} --emit-rate 1 --run-time 2m",
        "To take all of it back:",
        f"    loadtest provision --teardown {journal.path}",
    ]


# -- teardown --------------------------------------------------------------------------------------------------------


def _take_back(options: argparse.Namespace, progress: ProgressLine) -> int:
    profile = read_profile(options.target) if options.target else None
    administrators = _administrators(options.identities)
    gone: dict[str, set[int]] = {}
    outcomes = []
    for journal in _journals(options.teardown):
        try:
            url = _same_url(options, profile, journal)
            caller = _caller(options, profile, url, progress)
            try:
                teardown = Teardown(
                    caller,
                    journal,
                    _keys(options, profile, journal, administrators),
                    progress,
                    dry_run=options.dry_run,
                    gone_accounts=gone.get(url, ()),
                    online_wait_s=options.wait_online,
                )
                outcome = teardown.run()
            finally:
                caller.close()
            gone.setdefault(url, set()).update(outcome.accounts)
            outcomes.append((journal.path, outcome))
        finally:
            journal.close()
    progress.close()
    for path, outcome in outcomes:
        print("\n".join(_told(path, outcome, dry_run=options.dry_run)))
    return EXIT_LEFT if any(outcome.left for _, outcome in outcomes) else 0


def _journals(paths: Sequence[Path]) -> list[Journal]:
    """Open all of them before anything is done; those of whole accounts first, since runs' things go with them."""
    journals: list[Journal] = []
    try:
        journals.extend(Journal.open(path) for path in dict.fromkeys(paths))
    except BaseException:
        for journal in journals:
            journal.close()
        raise
    return sorted(journals, key=lambda journal: journal.begin.maker != "provision")


def _administrators(identities: Path | None) -> dict[int, str]:
    if identities is None:
        return {}
    return {
        account_id: agent.access_token
        for agent in read_identities(identities).agents
        if agent.role == "administrator"
        for account_id in agent.account_ids
    }


def _same_url(options: argparse.Namespace, profile: Profile | None, journal: Journal) -> str:
    if not options.host and profile is None:
        return journal.begin.url
    url = _url(options, profile)
    if without_secrets(url) != journal.begin.url:
        raise UsageError(
            f"the journal is one of {journal.begin.url}",
            where=str(journal.path),
            remedy="Leave --host out, or give that one",
        )
    return url


def _keys(
    options: argparse.Namespace, profile: Profile | None, journal: Journal, administrators: dict[int, str]
) -> Keys:
    needs_platform = bool(
        journal.ever_made("user") or journal.intended("user", "1") or journal.intended("account", "1")
    )
    own = "" if not (options.admin_token_file or os.environ.get(ADMIN_TOKEN_ENV)) else _admin_token(options)
    return Keys(_platform_token(options, profile) if needs_platform else "", own, administrators)


def _told(path: Path, outcome: Outcome, *, dry_run: bool) -> list[str]:
    removed = ", ".join(_counted(kind, count) for kind, count in sorted(outcome.removed.items())) or "nothing"
    lines = [f"{path}: {'would remove' if dry_run else 'removed'} {removed}."]
    if outcome.absent:
        lines.append(f"  {outcome.absent} {noun(outcome.absent, 'was', 'were')} not there any more.")
    if outcome.later:
        lines.append(f"  The installation removes {', '.join(outcome.later)} in a job of its own; that was accepted.")
    if outcome.left:
        lines.append(f"  {len(outcome.left)} {noun(len(outcome.left), 'stays', 'stay')}:")
        lines += [f"    {one}" for one in outcome.left]
    elif not dry_run:
        lines.append("  Nothing is left of what it lists.")
    return lines


def _counted(kind: str, count: int) -> str:
    return many(count, kind, "inboxes" if kind == "inbox" else "")


# -- secrets and addresses -------------------------------------------------------------------------------------------


def _url(options: argparse.Namespace, profile: Profile | None) -> str:
    url: str = options.host or (profile.url if profile is not None else "")
    if not url:
        raise UsageError("no installation", where="--host", remedy="Give its base URL, or a profile with --target")
    return url


def _caller(options: argparse.Namespace, profile: Profile | None, url: str, progress: ProgressLine) -> Caller:
    values = {} if profile is None else profile.options()
    per_minute = options.requests_per_minute
    if per_minute is None:
        limit = None if profile is None else profile.get("limits.requests_per_minute")
        per_minute = limit * 4 // 5 if limit else 0 if is_loopback(url) else PER_MINUTE
    if per_minute < 0:
        raise UsageError(f"{per_minute} calls a minute", where="--requests-per-minute", remedy="Give 1 or more")
    address = Address(
        url,
        ca_file=options.ca_file or values.get("ca_file"),
        auth_header=values.get("auth_header", "api_access_token"),
        headers=() if profile is None else profile.read_headers(),
        allow_plaintext=options.allow_plaintext or bool(values.get("allow_plaintext")),
        per_minute=per_minute,
    )
    return Caller(address, on_wait=progress.say)


def _platform_token(options: argparse.Namespace, profile: Profile | None) -> str:
    if options.platform_token_file:
        return read_secret(options.platform_token_file)
    if profile is not None:
        return profile.platform_token()
    token = os.environ.get(PLATFORM_TOKEN_ENV, "").strip()
    if not token:
        raise UsageError(
            "no token of a platform app",
            where=PLATFORM_TOKEN_ENV,
            remedy="Make a platform app in the super admin console (/super_admin/platform_apps) and set its token in "
            f"{PLATFORM_TOKEN_ENV}, or give --platform-token-file",
        )
    return token


def _admin_token(options: argparse.Namespace) -> str:
    if options.admin_token_file:
        return read_secret(options.admin_token_file)
    token = os.environ.get(ADMIN_TOKEN_ENV, "").strip()
    if not token:
        raise UsageError(
            "no access token of an administrator of that account",
            where=ADMIN_TOKEN_ENV,
            remedy=f"Set {ADMIN_TOKEN_ENV} to the token of its profile page, or give --admin-token-file",
        )
    return token
