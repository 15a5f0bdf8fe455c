"""README's way from nothing to a first safe run, as printed, on a server with a platform API; and the way back."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.directory import Population
from loadtest.refserver import ServerChild, ServerSettings, start_child
from tests.plugin.locusts import ROOT, environment

TOKEN = "platform-token-of-the-test"
DEADLINE_S = 180
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("## Against your installation")[1]
TO, BACK = (block.strip().splitlines() for block in re.findall(r"```bash\n(.*?)```", SECTION, re.DOTALL)[:2])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerChild]:
    """An installation in which nobody is yet."""
    token = tmp_path_factory.mktemp("platform") / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    population = Population(agents=1, contacts=0, members=1)
    child = start_child(ServerSettings(population=population, platform_token_path=str(token), contact_expiry_s=1))
    yield child
    child.stop()


def run(line: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run one of README's commands, as a shell does."""
    argv = [sys.executable, "-m", *shlex.split(line.replace("--run-time 2m", "--emissions 20 --deadline 3"))]
    if any("*" in word for word in argv):
        argv = [path for word in argv for path in ([*map(str, home.glob(word))] if "*" in word else [word])]
    return subprocess.run(
        argv,
        cwd=home,
        env=environment(LOADTEST_PLATFORM_TOKEN=TOKEN),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_five_commands_lead_to_a_first_run_and_one_takes_it_back(server: ServerChild, tmp_path: Path) -> None:
    """Each does what it should and exits so; afterwards nothing of it is left on the installation."""
    assert 5 == len(TO)
    codes = []
    done: list[subprocess.CompletedProcess[str]] = []
    for number, line in enumerate(TO):
        done.append(run(line, tmp_path))
        codes.append(done[-1].returncode)
        if number == 0:
            profile = tmp_path / "trial" / "target.toml"
            text = profile.read_text(encoding="utf-8")
            assert '# url = "https://chat.example.com"' in text
            profile.write_text(text.replace('# url = "https://chat.example.com"', f'url = "{server.url}"'))
    (folder,) = (tmp_path / "trial" / "reports").iterdir()
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))

    assert [0, 3, 0, 0, summary["verdict"]["exit_code"]] == codes, [one.stdout + one.stderr for one in done]
    assert "about to load" in done[-1].stderr
    assert 30 == sum(row["confirmed"] for row in summary["users"].values())
    assert summary["delivery"]["message.created"]["delivered"] > 0
    assert 0 == summary["delivery"]["message.created"]["leaked"]

    (undo,) = BACK
    back = run(undo, tmp_path)

    assert 0 == back.returncode, back.stdout + back.stderr
