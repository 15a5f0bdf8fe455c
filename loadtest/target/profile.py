"""``target.toml``: what is known of one installation, read once and used by runs, the probe and provisioning.

The file holds no secret: a secret is named there as an environment variable or as a file of its own, and a value that
looks like one is refused. Paths are relative to the file's folder. Every key is in :data:`KEYS`; an unknown one is an
error that names the nearest.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtest.directory import Agent, Contact, Directory
from loadtest.directory.secret_files import read_secret
from loadtest.errors import UsageError

ACCESS_TOKEN_HEADER = "api_access_token"  # noqa: S105 - a name
"""Upstream's name of the header that carries an agent's access token; nginx drops it unless told otherwise."""

PLATFORM_TOKEN_ENV = "LOADTEST_PLATFORM_TOKEN"  # noqa: S105 - a name
"""Environment variable of the platform app's token, where the profile names nothing else."""

_SECRET_NAME = re.compile(r"auth|token|secret|key|password|cookie", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret stands, not the secret.

    Attributes:
        env: an environment variable, or empty.
        file: a file, or None.
        where: profile and key, for errors.
    """

    env: str = ""
    file: Path | None = None
    where: str = ""

    def read(self) -> str:
        """The secret itself.

        Raises:
            UsageError: the variable is not set, or the file cannot be used.
        """
        if self.file is not None:
            return read_secret(self.file)
        value = os.environ.get(self.env, "").strip()
        if not value:
            raise UsageError(
                f"the environment variable {self.env} is not set",
                where=self.where,
                remedy=f"Set {self.env}, or name a file: {{ file = ... }}",
            )
        return value


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the profile.

    Attributes:
        kind: how its value is read; a name of :data:`_READERS`.
        meaning: what it says, in a sentence.
        option: the option of a run that it stands for, as argparse's ``dest``; empty for none.
    """

    kind: str
    meaning: str
    option: str = ""


KEYS: dict[str, Key] = {
    "target.url": Key("url", "Base URL of the installation; the only key that must be there.", "host"),
    "target.cable_path": Key("text", "Path of the cable below it (/cable).", "cable_path"),
    "target.origin": Key("text", 'Origin that is sent (that of the URL); "" sends none.', "origin"),
    "target.subprotocols": Key("texts", "Subprotocols offered (the official client's two); [] offers none."),
    "target.dialect": Key("dialect", "Version of OneChat spoken: auto, seed or current.", "dialect"),
    "target.ca_file": Key("path", "PEM file of a private authority that signed the certificate.", "ca_file"),
    "target.allow_plaintext": Key("flag", "Whether tokens may be sent over http:// off loopback.", "allow_plaintext"),
    "target.auth_header": Key("header", "Header that carries an agent's access token.", "auth_header"),
    "target.rest_timeout_s": Key("seconds", "Seconds after which a REST call is given up (10).", "rest_timeout"),
    "people.identities": Key("path", "The identities file: who there is, with their tokens.", "identities"),
    "people.accounts": Key("ids", "Use only identities of these accounts."),
    "people.inboxes": Key("ids", "Use only contacts of these inboxes, and agents that see one of them."),
    "presence.heartbeat_s": Key("seconds", "Seconds between two presence beats (30).", "heartbeat"),
    "presence.agent_expiry_s": Key("seconds", "Seconds the server shows an agent after a beat.", "agent_expiry"),
    "presence.contact_expiry_s": Key("seconds", "Seconds the server shows a contact after a beat.", "contact_expiry"),
    "limits.max_users": Key("count", "Most users a run may simulate.", "max_users"),
    "limits.max_emit_rate": Key("rate", "Most messages a second a run may plan.", "max_emit_rate"),
    "limits.requests_per_minute": Key("count", "Requests and upgrades a minute the server takes from one address."),
    "limits.conversation_messages_per_minute": Key("count", "Messages a minute it takes in one conversation."),
    "headers.*": Key("value", "A further header of every request and upgrade, for a gate in front."),
    "secrets.platform_token": Key("secret", f"The platform app's token, to provision with ({PLATFORM_TOKEN_ENV})."),
}
"""Every key; ``*`` is any name."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile that was read.

    Attributes:
        path: the file.
        values: by key of :data:`KEYS`, converted; only what the file says.
        headers: further headers as given: a value, or where it stands.
    """

    path: Path
    values: Mapping[str, Any]
    headers: Mapping[str, str | Secret] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Base URL of the installation."""
        url: str = self.values["target.url"]
        return url

    def get(self, key: str, default: Any = None) -> Any:
        """A key's value, or the default where the file does not say."""
        return self.values.get(key, default)

    def options(self) -> dict[str, Any]:
        """What it says as options of a run, by ``dest``."""
        return {KEYS[key].option: value for key, value in self.values.items() if KEYS[key].option}

    def read_headers(self) -> tuple[tuple[str, str], ...]:
        """The further headers with their secrets; not to be shown.

        Raises:
            UsageError: a secret cannot be read.
        """
        return tuple((n, v.read() if isinstance(v, Secret) else v) for n, v in self.headers.items())

    def platform_token(self) -> str:
        """The platform app's token.

        Raises:
            UsageError: it cannot be read.
        """
        secret: Secret | None = self.get("secrets.platform_token")
        return (secret or Secret(env=PLATFORM_TOKEN_ENV, where=f"{self.path}: secrets.platform_token")).read()

    def select(self, directory: Directory) -> Directory:
        """The identities that may be used: those of the accounts and inboxes it names."""
        accounts, inboxes = self.get("people.accounts"), self.get("people.inboxes")

        def agent_may(agent: Agent) -> bool:
            sees = inboxes is None or agent.role == "administrator" or not inboxes.isdisjoint(agent.inbox_ids)
            return sees and (accounts is None or agent.account_id in accounts)

        def contact_may(contact: Contact) -> bool:
            return (accounts is None or contact.account_id in accounts) and (
                inboxes is None or contact.inbox_id in inboxes
            )

        return Directory(
            tuple(agent for agent in directory.agents if agent_may(agent)),
            tuple(contact for contact in directory.contacts if contact_may(contact)),
            directory.source,
        )


def read_profile(path: str | os.PathLike[str]) -> Profile:
    """Read a profile.

    Raises:
        UsageError: it cannot be read, is no TOML, or a key or value is wrong; ``where`` names file and key.
    """
    file = Path(path)
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"the profile cannot be read: {error.strerror or error}",
            where=str(path),
            remedy="Give a file such as `loadtest init DIR` writes",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"no TOML ({error})", where=str(path), remedy="Correct it there") from error
    values: dict[str, Any] = {}
    headers: dict[str, str | Secret] = {}
    for name, value in _flat(tables):
        key = _known(name, str(path))
        if key == "headers.*":
            header = name.removeprefix("headers.")
            headers[header] = _header_value(header, value, _Place(file, name))
        else:
            values[key] = _READERS[KEYS[key].kind](value, _Place(file, name))
    if "target.url" not in values:
        raise UsageError(
            "it names no installation",
            where=str(path),
            remedy='Give [target] with url = "https://chat.example.com"',
        )
    return Profile(file, values, headers)


def _flat(tables: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Keys with their table's name in front; a key that stands outside of tables keeps its own."""
    found: list[tuple[str, Any]] = []
    for table, content in tables.items():
        if isinstance(content, dict):
            found += [(f"{table}.{name}", value) for name, value in content.items()]
        else:
            found.append((table, content))
    return found


def _known(name: str, where: str) -> str:
    if name in KEYS:
        return name
    if name.startswith("headers."):
        return "headers.*"
    names = [key for key in KEYS if "*" not in key]
    by_last = {key.partition(".")[2]: key for key in names}
    near = difflib.get_close_matches(name, names, n=1) or [
        by_last[last] for last in difflib.get_close_matches(name.rpartition(".")[2], by_last, n=1)
    ]
    shown = "[{}] {}".format(*near[0].split(".")) if near else ""
    raise UsageError(
        f"unknown key {name}",
        where=where,
        remedy=f"Did you mean {shown}?"
        if shown
        else f"The tables are {', '.join(sorted({k.split('.')[0] for k in KEYS}))}",
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands."""

    file: Path
    name: str

    def wrong(self, what: str, remedy: str) -> UsageError:
        return UsageError(what, where=f"{self.file}: {self.name}", remedy=remedy)


def _text(value: Any, place: _Place) -> str:
    if not isinstance(value, str) or not (value.isprintable() or value == ""):
        raise place.wrong("not a text", "Write it in quotes, on one line")
    return value


def _texts(value: Any, place: _Place) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise place.wrong("not a list of texts", 'Write it as ["one", "two"], or [] for none')
    return tuple(_text(one, place) for one in value)


def _url(value: Any, place: _Place) -> str:
    url = _text(value, place)
    if "@" in urlsplit(url).netloc:
        raise place.wrong(
            "a user and a password in the URL",
            'Leave them out and send them from a secret: [headers] Authorization = { env = "CHAT_BASIC" }',
        )
    return url


def _path(value: Any, place: _Place) -> str:
    return str(place.file.parent / Path(_text(value, place)).expanduser())


def _header(value: Any, place: _Place) -> str:
    if not _HEADER_NAME.fullmatch(_text(value, place)):
        raise place.wrong("no name of a header", 'Give one such as "api-access-token"')
    return str(value)


def _dialect(value: Any, place: _Place) -> str:
    if value not in ("auto", "seed", "current"):
        raise place.wrong(f"no dialect: {value!r}", "Give auto, seed or current")
    return str(value)


def _flag(value: Any, place: _Place) -> bool:
    if not isinstance(value, bool):
        raise place.wrong("neither true nor false", "Write true or false, without quotes")
    return value


def _number(value: Any, place: _Place) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise place.wrong("not a number above 0", "Write a number, without quotes or unit")
    return float(value)


def _count(value: Any, place: _Place) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise place.wrong("not a whole number above 0", "Write one, without quotes")
    return value


def _ids(value: Any, place: _Place) -> frozenset[int]:
    if not isinstance(value, list) or not value:
        raise place.wrong("not a list of ids", "Write it as [1, 2], or leave the key out for all")
    return frozenset(_count(one, place) for one in value)


def _secret(value: Any, place: _Place) -> Secret:
    ways = '{ env = "NAME" } or { file = "PATH" }'
    if not isinstance(value, dict):
        raise place.wrong("a secret does not belong into the profile", f"Put it elsewhere and give {ways}")
    if list(value) not in (["env"], ["file"]):
        raise place.wrong("neither an environment variable nor a file", f"Give {ways}")
    where = f"{place.file}: {place.name}"
    if "env" in value:
        return Secret(env=_text(value["env"], place), where=where)
    return Secret(file=Path(_path(value["file"], place)), where=where)


def _header_value(name: str, value: Any, place: _Place) -> str | Secret:
    _header(name, place)
    if isinstance(value, dict) or _SECRET_NAME.search(name):
        return _secret(value, place)
    return _text(value, place)


_READERS: dict[str, Callable[[Any, _Place], Any]] = {
    "url": _url,
    "text": _text,
    "texts": _texts,
    "path": _path,
    "header": _header,
    "dialect": _dialect,
    "flag": _flag,
    "seconds": _number,
    "rate": _number,
    "count": _count,
    "ids": _ids,
    "secret": _secret,
}
