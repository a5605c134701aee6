"""`action.yml`: valid, and its step does what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machine.strangers import quiet_port

ACTION = Path(__file__).parent.parent / "action.yml"
TOOLS = Path(sys.executable).parent


def last_script() -> str:
    """Return the shell script of the action's last step."""
    _, _, text = ACTION.read_text().rpartition("      run: |\n")
    return re.sub(r"^        ", "", text, flags=re.MULTILINE)


def test_it_is_an_action_as_github_has_them() -> None:
    checked = subprocess.run(
        [str(TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.github-actions", str(ACTION)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
def test_its_step_runs_smoke_and_says_where_the_results_are(tmp_path: Path) -> None:
    project = tmp_path / "a project"
    project.mkdir()
    server = f"{sys.executable} -m http.server $PORT --bind 127.0.0.1"
    (project / "Procfile").write_text(f"api: {server}\n")
    (project / ".env").write_text(f"PORT={quiet_port()}\n")
    inputs = {"MODE": "", "PROJECT": str(project), "TIMEOUT": "60", "PORTS": "plan", "JUNIT": "out file.xml"}
    outside = {name: value for name, value in os.environ.items() if name not in ("PORT", "HOST", "NODE_ENV")}
    done = subprocess.run(
        ["bash", "-e", "-c", last_script()],
        cwd=tmp_path,
        env={
            **outside,
            **inputs,
            "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "output").read_text() == "junit=out file.xml\n"
    assert "<testsuite" in (tmp_path / "out file.xml").read_text()
    assert (tmp_path / "summary").read_text()
