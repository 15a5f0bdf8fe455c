"""``loadtest init DIR``: locustfiles, limits, target settings and workflows for a user who has only the wheel."""

from __future__ import annotations

import argparse
import shlex
from importlib import resources
from pathlib import Path
from typing import Any

from loadtest.errors import UsageError

#: name in the package -> name in the user's folder
FILES = {
    "agents.py.txt": "agents.py",
    "capacity.py.txt": "capacity.py",
    "contacts.py.txt": "contacts.py",
    "mixed.py.txt": "mixed.py",
    "presence.py.txt": "presence.py",
    "soak.py.txt": "soak.py",
    "storm.py.txt": "storm.py",
    "slo.toml": "slo.toml",
    "budget.toml": "budget.toml",
    "target.toml": "target.toml",
    "github-actions.yml": "github-actions.yml",
    "gitlab-ci.yml": "gitlab-ci.yml",
}


def add_parser(verbs: Any) -> None:
    """Add the verb's parser."""
    parser = verbs.add_parser(
        "init",
        help="write locustfiles, slo.toml, target.toml and workflows to start from",
        description="Write locustfiles, slo.toml, target.toml and workflows for GitHub Actions and GitLab CI into DIR; "
        "a file that exists is never overwritten.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to write; made if it does not exist")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the files.

    Raises:
        UsageError: one of them exists, or the folder cannot be written.
    """
    folder: Path = options.folder
    existing = [name for name in FILES.values() if (folder / name).exists()]
    if existing:
        raise UsageError(
            f"{', '.join(existing)} exist{'s' if len(existing) == 1 else ''} already",
            where=str(folder),
            remedy="Choose another folder, or move them away: nothing was written",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source, name in FILES.items():
            text = resources.files("loadtest.cli").joinpath("templates", source).read_text(encoding="utf-8")
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot be written ({error.strerror})", where=str(folder), remedy="Choose a folder you may write to"
        ) from error
    print(f"Wrote {', '.join(FILES.values())} into {folder}.")
    if folder.resolve() != Path.cwd():
        print("Go there first:")
        print(f"    cd {shlex.quote(str(folder))}")
    print("A first run, on the embedded server:")
    print("    locust -f agents.py --headless")
    print("On your installation, after filling in target.toml:")
    print("    loadtest probe --target target.toml")
    print("    locust -f agents.py --headless --target target.toml --slo slo.toml")
    print("A gate for your pipeline:")
    print("    copy github-actions.yml into .github/workflows/, or gitlab-ci.yml to .gitlab-ci.yml")
    return 0
