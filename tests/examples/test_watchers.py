"""Real watchers from npm, as the `js:` and `css:` lines of a Rails-shaped Procfile.dev start them.

esbuild and Tailwind end when their stdin does, rollup and sass go on. All have to go on after their first
build, to rebuild on a change, and to be gone after `down`.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Project, project_in, until

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js with npm is not installed"),
    pytest.mark.timeout(300),
]

PACKAGES = ("esbuild@0.25", "tailwindcss@4", "@tailwindcss/cli@4", "rollup@4", "sass@1")
BIN = "node_modules/.bin"
PROCFILE = {
    "js": f"{BIN}/esbuild app.js --bundle --outfile=out/js.js --watch",
    "css": f"{BIN}/tailwindcss -i app.css -o out/css.css --watch",
    "bundle": f"{BIN}/rollup app.js --file out/bundle.js --watch",
    "scss": f"{BIN}/sass --watch app.scss out/scss.css",
}
SOURCES = {"js": "app.js", "css": "app.css", "bundle": "app.js", "scss": "app.scss"}


def write_sources(folder: Path, word: str) -> None:
    """Write every source whole, in one step: a watcher must not see half of it."""
    texts = {
        "app.js": f'console.log("{word}");\n',
        "app.css": f'@import "tailwindcss";\n.word::after {{ content: "{word}"; }}\n',
        "app.scss": f'$w: "{word}";\n.word::after {{ content: $w; }}\n',
    }
    for name, text in texts.items():
        part = folder / f"{name}.part"
        part.write_text(text)
        part.replace(folder / name)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with project_in(tmp_path / "shop") as found:
        (found.folder / "package.json").write_text('{"private": true, "type": "module"}')
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--prefer-offline", *PACKAGES],
            cwd=found.folder,
            check=True,
            capture_output=True,
            timeout=240,
        )
        yield found


def built(project: Project, service: str) -> str:
    suffix = "js" if service in ("js", "bundle") else "css"
    out = project.folder / "out" / f"{service}.{suffix}"
    return out.read_text() if out.exists() else ""


@pytest.mark.parametrize("way", ["foreground", "detached"])
def test_watchers_go_on_rebuild_and_end(project: Project, way: str) -> None:
    write_sources(project.folder, "first")
    (project.folder / "Procfile.dev").write_text(
        "".join(f"{name}: {line}\n" for name, line in PROCFILE.items())
    )
    if way == "detached":
        project.up_detached()
    else:
        project.up()
    for service in PROCFILE:
        until(lambda service=service: "first" in built(project, service), f"{service}'s first build")  # type: ignore[misc]
    assert {one["state"] for one in project.status().values()} == {"ready"}
    write_sources(project.folder, "second")
    for service in PROCFILE:
        until(lambda service=service: "second" in built(project, service), f"{service} to rebuild")  # type: ignore[misc]
    assert {one["state"] for one in project.status().values()} == {"ready"}
    assert {one["restarts"] for one in project.status().values()} == {0}
    assert project.run("down").returncode == 0
    project.until_nothing_is_left()
