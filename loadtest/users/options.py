"""The option group "cable" of Locust's command line; :mod:`loadtest.users.option_values` is what its options may be."""

from __future__ import annotations

import functools
from typing import Any

from loadtest.plan import ACTS
from loadtest.plan import load_profile as profiles
from loadtest.plan.scenario import GRAMMAR
from loadtest.plan.storm import SLOW_GRAMMAR, STORM_GRAMMAR
from loadtest.target.watch_spec import GRAMMAR as WATCH_GRAMMAR
from loadtest.users import option_values as values


def add_options(parser: Any) -> None:
    """Add the option group "cable" to Locust's parser. Called several times by Locust, so it keeps nothing.

    The web UI shows options of plain values that have a default: what it is given for another comes back as text.

    Args:
        parser: Locust's ``LocustArgumentParser``.
    """
    group = parser.add_argument_group("cable", "OneChat /cable load: who is simulated, what they do, how it is judged")

    def add(flag: str, text: str, *, ui: bool = True, **kwargs: Any) -> None:
        name = "LOADTEST_" + flag.removeprefix("--").upper().replace("-", "_")
        action = group.add_argument(flag, env_var=name, help=text, **kwargs)
        action.include_in_web_ui = ui

    whole = functools.partial(values.number, whole=True)
    add(
        "--target",
        "What is known of the target; options given here win over it (TOML)",
        type=values.target,
        metavar="FILE",
        ui=False,
    )
    add("--agents", "Agents simulated", type=whole(0), default=50, metavar="N")
    add("--contacts", "Contacts simulated", type=whole(0), default=5, metavar="M")
    add("--members", "Agents that see an inbox (embedded server)", type=whole(1), default=10, metavar="K")
    add("--accounts", "Accounts they are dealt to (embedded server)", type=whole(1), default=1, metavar="A")
    add("--identities", "Who there is on the target (JSON lines)", type=values.identities, metavar="FILE", ui=False)
    add(
        "--heartbeat",
        "Seconds between presence beats",
        type=values.number(0, above=True),
        default=30.0,
        metavar="SECONDS",
    )
    add("--emit-rate", "Messages a second of the whole fleet, open loop", type=values.rate, default=10.0, metavar="N/s")
    add(
        "--connect-rate",
        "Users that first connect, a second, evenly spread; 0 for --spawn-rate (which Locust starts in one burst)",
        type=values.number(0),
        default=0.0,
        metavar="N/s",
    )
    add(
        "--emissions",
        "End after so many messages of the plan (questions and their answers, so an even number); 0 for no such end",
        type=whole(0),
        default=0,
        metavar="N",
    )
    add(
        "--load-profile",
        f"How much of --emit-rate and of the users is there when: {profiles.GRAMMAR}",
        type=values.load_profile,
        default="flat",
        metavar="PROFILE",
    )
    add(
        "--progress",
        "Tell every so many seconds how the run stands; 0 for never",
        type=values.number(0),
        default=0.0,
        metavar="SECONDS",
    )
    add(
        "--storm",
        f"Drop sockets in bulk, seconds into the hold: {STORM_GRAMMAR.replace('%', '%%')}",
        type=values.storm,
        default="",
        metavar="STORM,...",
    )
    add("--slow-readers", SLOW_GRAMMAR.replace("%", "%%"), type=values.slow_readers, default="", metavar="SHARE@BYTES")
    add(
        "--think-time",
        "Mean seconds from a question to its answer",
        type=values.number(0),
        default=2.0,
        metavar="SECONDS",
    )
    add(
        "--typing",
        "Seconds of typing before a message, 0 for none",
        type=values.number(0),
        default=1.0,
        metavar="SECONDS",
    )
    add(
        "--mix",
        "Further acts per exchange of question and answer, such as read=0.5,status=0.1; 'none' for talk alone. "
        f"Acts: {', '.join(ACTS)}",
        type=values.mix,
        default="",
        metavar="ACT=RATE,...",
    )
    add(
        "--canary",
        "Seconds of silence in an inbox after which a contact writes there, so that deaf sockets show; 0 for never",
        type=values.number(0),
        default=10.0,
        metavar="SECONDS",
    )
    add(
        "--session",
        "Mean seconds a contact stays before it leaves and comes back, 0 to stay",
        type=values.number(0),
        default=0.0,
        metavar="SECONDS",
    )
    add("--away", "Mean seconds a contact stays away", type=values.number(0), default=5.0, metavar="SECONDS")
    add(
        "--deadline",
        "Seconds within which a delivery must come",
        type=values.number(0, above=True),
        default=10.0,
        metavar="SECONDS",
    )
    add("--slo", "Limits that decide the verdict (TOML)", type=values.slo, metavar="FILE", ui=False)
    add(
        "--report-dir", "Where run folders are made", type=values.report_dir, default="reports", metavar="DIR", ui=False
    )
    add("--run-id", "Name of the run's folder (default: file and time)", type=values.run_id, metavar="NAME", ui=False)
    add(
        "--resume",
        "Go on with this run after its generator was gone; the time between is a gap, not a loss",
        type=values.folder_of_run,
        metavar="FOLDER",
        ui=False,
    )
    add(
        "--window",
        "Seconds of one window; 0 for as long as suits --run-time (1 up to 84 minutes, 120 for a week)",
        type=values.window,
        default=0.0,
        metavar="SECONDS",
    )
    add("--dialect", "Version of OneChat spoken", choices=("auto", "seed", "current"), default="auto")
    add("--client", "Handshake as this client makes it", choices=("official", "seed"), default="official")
    add(
        "--reconnect",
        "Back-off after a lost connection",
        choices=("official", "chatwoot", "immediate", "no-jitter", "none"),
        default="official",
    )
    add(
        "--refetch",
        "REST calls that real clients make by themselves: after a reconnect, or for the counts of conversations (meta)",
        choices=("none", "reconnect", "meta", "all"),
        default="none",
    )
    add("--cable-path", "Path of the cable", default="/cable", metavar="PATH")
    add("--origin", "Origin sent instead of the target's own, empty for none", metavar="ORIGIN", ui=False)
    add(
        "--auth-header",
        "Header of access tokens, if not api_access_token",
        type=values.header,
        metavar="NAME",
        ui=False,
    )
    add(
        "--source-address",
        "Connect from these addresses of this machine in turn: each has ports of its own",
        type=values.addresses,
        metavar="A,B,...",
        ui=False,
    )
    add("--ca-file", "Trust this CA (PEM)", type=values.file, metavar="FILE", ui=False)
    add(
        "--agent-expiry",
        "Seconds the target shows an agent after its beat, if known",
        type=values.number(0, above=True),
        metavar="SECONDS",
        ui=False,
    )
    add(
        "--contact-expiry",
        "Seconds the target shows a contact after its beat, if known",
        type=values.number(0, above=True),
        metavar="SECONDS",
        ui=False,
    )
    add(
        "--presence-scenario",
        f"How people come, beat and go: {GRAMMAR.replace('%', '%%')}",
        type=values.scenario,
        default="steady",
        metavar="TRAIT,...",
    )
    add(
        "--presence-oracle",
        "Ask REST who is online about every so many seconds and hold that against the truth too; 0 for never",
        type=values.number(0),
        default=0.0,
        metavar="SECONDS",
    )
    add(
        "--presence-pairs",
        "Pairs of observer and target followed in a process; above it a seeded sample of observers",
        type=whole(1),
        default=1_000_000,
        metavar="N",
        ui=False,
    )
    add(
        "--presence-log",
        "Log who came, beat, was told what and went, each process in a file of its own (FILE.local, FILE.WORKER)",
        type=values.new_file,
        metavar="FILE",
        ui=False,
    )
    add(
        "--delivery-log",
        "Log every latency with its message and receiver, each process in a file of its own (FILE.local, FILE.WORKER)",
        type=values.new_file,
        metavar="FILE",
        ui=False,
    )
    add("--push-presence", "The server tells of presence unasked (embedded server)", action="store_true", ui=False)
    add(
        "--whole-seconds",
        "Presence compares whole seconds, as upstream's does (embedded server)",
        action="store_true",
        ui=False,
    )
    add(
        "--rest-timeout",
        "Seconds after which a REST call is given up",
        type=values.number(0, above=True),
        default=10.0,
        metavar="SECONDS",
    )
    add(
        "--kernel-stamps",
        "Share of the sockets on which the kernel stamps arrivals, to tell this tool's lag from the server's: 0 to 1",
        type=values.share,
        default=0.1,
        metavar="SHARE",
    )
    add(
        "--rest-pool",
        "REST connections of a process (default: rate x timeout, 32 to 2048)",
        type=whole(1),
        metavar="N",
        ui=False,
    )
    add(
        "--faults",
        "What the embedded server does wrong, such as loss=2%%,delay=100ms; `loadtest serve --help` lists all",
        type=values.faults,
        default="",
        metavar="SPEC",
        ui=False,
    )
    add(
        "--truth",
        "Write every fault that was applied (embedded server)",
        type=values.new_file,
        metavar="FILE",
        ui=False,
    )
    add("--seed", "Makes everything that is drawn", type=whole(0), default=0, metavar="N")
    add("--max-users", "Refuse to run more users than this", type=whole(1), metavar="N", ui=False)
    add("--max-emit-rate", "Refuse to emit faster than this", type=values.rate, metavar="N/s", ui=False)
    add(
        "--require-brakes",
        "Refuse a target off loopback without --max-users and --max-emit-rate",
        action="store_true",
        ui=False,
    )
    add(
        "--abort-guard",
        "Stop when the target answers 5xx, 429 or not at all in bulk, or its pings stay out (auto: off loopback)",
        choices=("auto", "on", "off"),
        default="auto",
    )
    add("--allow-plaintext", "Send tokens over http:// off loopback", action="store_true", ui=False)
    add(
        "--watch",
        f"Read this beside the run, for `loadtest soak`; may be given again: {WATCH_GRAMMAR}. Credentials: environment "
        "LOADTEST_WATCH_<NAME>_PASSWORD or _TOKEN",
        type=values.watch,
        action="append",
        default=[],
        metavar="SOURCE",
        ui=False,
    )
    add(
        "--watch-after",
        "Seconds to go on reading once all users have left: what stays then is a leak",
        type=values.number(0),
        default=0.0,
        metavar="SECONDS",
        ui=False,
    )
