"""Makes projects with their own starters, and has devstack propose, try and run each: `make try-starters`.

Needs Node.js, npm and the network; the projects stay in a cache folder, so a second run installs nothing.
Writes docs/starters.md. A starter that fetches its template from elsewhere than a package registry is
replaced by a small project written here, with the real framework.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "starters.md"
DEVSTACK = ROOT / ".venv" / "bin" / "devstack"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "devstack-starters"
WRITTEN = ("Procfile.dev", "Procfile.prod", ".env.example", "devstack.toml")
QUIET = {
    "CI": "1",
    "NEXT_TELEMETRY_DISABLED": "1",
    "ASTRO_TELEMETRY_DISABLED": "1",
    "NUXT_TELEMETRY_DISABLED": "1",
    "npm_config_yes": "true",
    "npm_config_fund": "false",
    "npm_config_audit": "false",
}
MAKE_TIMEOUT, TRY_TIMEOUT, UP_TIMEOUT = 900, 150, 120


@dataclass(frozen=True)
class Starter:
    """A project: the commands that make it (in the cache folder), and files written over it.

    `ports` are the claims that are right in dev, by service.
    """

    name: str
    what: str
    commands: tuple[str, ...]
    ports: Mapping[str, tuple[int, ...]]
    files: Mapping[str, str] = field(default_factory=dict)


def package(**content: object) -> str:
    return json.dumps({"private": True, **content}, indent=2)


PYTHON = "python3 -m venv {name}/.venv && {name}/.venv/bin/pip install -q "
EXPRESS_READS_PORT = """\
require("dotenv").config();
const express = require("express");
const app = express();
app.get("/api", (_, res) => res.json({ ok: true }));
const PORT = process.env.PORT || 5000;
app.listen(PORT, () => console.log(`Server started on port ${PORT}`));
"""
VITE_EXPRESS = """\
import express from "express";
import ViteExpress from "vite-express";

const app = express();
app.get("/hello", (_, res) => { res.send("Hello"); });
ViteExpress.listen(app, 3000, () => console.log("Server is listening on port 3000..."));
"""
HONO = """\
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { config } from "./config";

const app = new Hono();
app.get("/", (c) => c.text("hi"));
serve({ fetch: app.fetch, port: config.port });
"""
FASTAPI = (
    'from fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get("/")\ndef hello():\n    return {"a": 1}\n'
)
FLASK = (
    'from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.route("/")\ndef hello():\n    return "hi"\n'
)
VITE = "npm create vite@latest {name} -- --template react-ts --no-interactive && npm install --prefix {name}"

STARTERS = (
    Starter("vite", "`npm create vite` (react-ts)", (VITE,), {"frontend": (5173,)}),
    Starter(
        "vue",
        "`npm create vue`",
        ("npx create-vue@latest {name} --bare --default", "npm install --prefix {name}"),
        {"frontend": (5173,)},
    ),
    Starter(
        "sveltekit",
        "`npx sv create`",
        (
            "npx sv create {name} --template minimal --types ts --no-add-ons --no-install",
            "npm install --prefix {name}",
        ),
        {"frontend": (5173,)},
    ),
    Starter(
        "next",
        "`npx create-next-app`",
        (
            "npx create-next-app@latest {name} --ts --eslint --app --no-tailwind --no-src-dir "
            '--import-alias "@/*" --use-npm --disable-git --turbopack',
        ),
        {"web": (3000,)},
    ),
    Starter(
        "nuxt",
        "Nuxt, by hand",
        ("npm install --prefix {name} nuxt",),
        {"web": (3000, 24678)},
        {
            "package.json": package(type="module", scripts={"dev": "nuxt dev", "build": "nuxt build"}),
            "nuxt.config.ts": "export default defineNuxtConfig({})\n",
            "app.vue": "<template><h1>Hi</h1></template>\n",
        },
    ),
    Starter(
        "astro",
        "Astro 5, by hand",
        ("npm install --prefix {name} astro@5",),
        {"web": (4321,)},
        {
            "package.json": package(type="module", scripts={"dev": "astro dev", "build": "astro build"}),
            "src/pages/index.astro": "<h1>Hi</h1>\n",
        },
    ),
    Starter(
        "express",
        "`npx express-generator`",
        ("npx express-generator --no-view {name}", "npm install --prefix {name}"),
        {"web": (3000,)},
    ),
    Starter(
        "nest",
        "`npx @nestjs/cli new`",
        ("npx @nestjs/cli new {name} --package-manager npm --skip-git",),
        {"web": (3000,)},
    ),
    Starter(
        "fastify",
        "`npx fastify-cli generate`",
        ("npx fastify-cli generate {name}", "npm install --prefix {name}"),
        {"web": (3000,)},
    ),
    Starter(
        "vite-express",
        "create-vite-express (react-ts), by hand",
        (
            "npm install --prefix {name} express vite-express react react-dom cross-env tsx vite "
            "@vitejs/plugin-react nodemon typescript",
        ),
        {"web": (3000, 24678)},
        {
            "package.json": package(
                type="module",
                scripts={
                    "dev": "nodemon -w src/server -x tsx src/server/main.ts",
                    "start": "cross-env NODE_ENV=production tsx src/server/main.ts",
                    "build": "vite build",
                },
            ),
            "src/server/main.ts": VITE_EXPRESS,
            "src/client/main.tsx": 'document.body.append("hi");\n',
            "index.html": '<script type="module" src="/src/client/main.tsx"></script>\n',
            "vite.config.ts": (
                'import react from "@vitejs/plugin-react";\n\nexport default { plugins: [react()] };\n'
            ),
        },
    ),
    Starter(
        "express-cra",
        "Express with `.env` PORT=5000 and `create-react-app`",
        ("cd {name} && npx create-react-app client", "npm install --prefix {name}"),
        {"api": (5000,), "frontend": (3000,)},
        {
            "package.json": package(
                scripts={
                    "server": "nodemon server.js",
                    "client": "npm start --prefix client",
                    "dev": 'concurrently "npm run server" "npm run client"',
                },
                dependencies={"concurrently": "*", "dotenv": "*", "express": "*", "nodemon": "*"},
            ),
            "server.js": EXPRESS_READS_PORT,
            ".env": "PORT=5000\n",
        },
    ),
    Starter(
        "workspace",
        "npm workspace: Vite and Hono",
        ("npm install --prefix {name}",),
        {"frontend": (5173,), "api": (8787,)},
        {
            "package.json": package(
                name="workspace",
                workspaces=["apps/*"],
                scripts={
                    "dev": "npm-run-all --parallel dev:web dev:api",
                    "dev:web": "npm run dev --workspace web",
                    "dev:api": "npm run dev --workspace api",
                },
                devDependencies={"npm-run-all2": "*"},
            ),
            "apps/web/package.json": package(
                name="web", type="module", scripts={"dev": "vite"}, devDependencies={"vite": "*"}
            ),
            "apps/web/index.html": "<h1>hi</h1>\n",
            "apps/api/package.json": package(
                name="api",
                type="module",
                scripts={"dev": "tsx watch src/index.ts"},
                dependencies={"hono": "*", "@hono/node-server": "*", "tsx": "*"},
            ),
            "apps/api/src/config.ts": (
                "export const config = { port: Number(process.env.API_PORT ?? 8787) };\n"
            ),
            "apps/api/src/index.ts": HONO,
        },
    ),
    Starter(
        "django",
        "`django-admin startproject`",
        (PYTHON + "django", "{name}/.venv/bin/django-admin startproject mysite {name}"),
        {"web": (8000,)},
        {"requirements.txt": "django\n"},
    ),
    Starter(
        "flask",
        "Flask, one file",
        (PYTHON + "flask",),
        {"web": (5000,)},
        {"requirements.txt": "flask\n", "app.py": FLASK},
    ),
    Starter(
        "fastapi",
        "FastAPI, one file",
        (PYTHON + "fastapi uvicorn",),
        {"web": (8000,)},
        {"requirements.txt": "fastapi\nuvicorn\n", "main.py": FASTAPI},
    ),
    Starter(
        "fastapi-full-stack",
        "FastAPI in `backend/` (its own pyproject) and Vite in `frontend/`",
        (PYTHON + "fastapi uvicorn", VITE.format(name="{name}/frontend")),
        {"frontend": (5173,), "api": (8000,)},
        {
            "pyproject.toml": '[project]\nname = "x"\nversion = "0"\ndependencies = ["fastapi"]\n',
            "backend/pyproject.toml": '[project]\nname = "app"\nversion = "0"\ndependencies = ["fastapi"]\n',
            "backend/app/__init__.py": "",
            "backend/app/routes.py": "from fastapi import APIRouter\n\nrouter = APIRouter()\n",
            "backend/app/main.py": FASTAPI.replace("\napp =", "from app.routes import router\n\napp =", 1)
            + "\n\napp.include_router(router)\n",
        },
    ),
)


@dataclass(frozen=True)
class Result:
    """What became of one starter."""

    starter: Starter
    proposed: Mapping[str, tuple[int, ...]]
    tried: Mapping[str, tuple[int, ...]]
    is_up: bool
    seconds: float

    @property
    def ok(self) -> bool:
        return self.is_up and dict(self.tried) == dict(self.starter.ports)


def run(command: str | list[str], folder: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PORT", "HOST")}
    return subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=folder,
        env={**environment, **QUIET},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def make(starter: Starter, cache: Path) -> Path:
    """Return the folder of the project, made now where it is not there whole."""
    folder, mark = cache / starter.name, cache / f"{starter.name}.made"
    if not mark.exists():
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in starter.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for command in starter.commands:
            done = run(command.format(name=starter.name), cache, MAKE_TIMEOUT)
            if done.returncode:
                raise SystemExit(f"{starter.name}: {command}\n{done.stdout}{done.stderr}")
        mark.touch()
    for name in WRITTEN:
        (folder / name).unlink(missing_ok=True)
    return folder


def claims(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return what the written files claim in dev, by service."""
    done = run([str(DEVSTACK), "check-ports", "--json"], folder, 30)
    found: dict[str, tuple[int, ...]] = {}
    for port in json.loads(done.stdout)["ports"]:
        found[port["service"]] = (*found.get(port["service"], ()), port["port"])
    return found


def check(starter: Starter, cache: Path) -> Result:
    """Propose, then try, then run the project; return what was claimed, and whether it was up."""
    folder = make(starter, cache)
    run([str(DEVSTACK), "init", "--yes"], folder, 30)
    proposed = claims(folder)
    for name in WRITTEN:
        (folder / name).unlink(missing_ok=True)
    tried = run([str(DEVSTACK), "init", "--try", "--yes"], folder, TRY_TIMEOUT)
    began = time.monotonic()
    up = run([str(DEVSTACK), "up", "-d"], folder, UP_TIMEOUT)
    seconds = time.monotonic() - began
    seen = claims(folder) if up.returncode == 0 else {}
    down = run([str(DEVSTACK), "down"], folder, 60)
    is_up = up.returncode == 0 and down.returncode == 0
    if not is_up or tried.returncode:
        print(f"{tried.stdout}{tried.stderr}{up.stdout}{up.stderr}", file=sys.stderr)
    return Result(starter, proposed, seen, is_up, seconds)


def shown(ports: Mapping[str, Iterable[int]]) -> str:
    return (
        ", ".join(f"{name} {' '.join(map(str, numbers))}".strip() for name, numbers in ports.items())
        or "none"
    )


def page(results: Iterable[Result]) -> str:
    lines = [
        "# Starters",
        "",
        "What `devstack init` proposes for projects made by their own starters, what `devstack init --try`",
        "then claims, and whether `devstack up -d` became ready with those claims. Written by",
        "`make try-starters`. [What init proposes](commands.md#devstack-init).",
        "",
        "| project | proposed | after `--try` | `up` |",
        "|---|---|---|---|",
        *(
            f"| {one.starter.what} | {shown(one.proposed)} | {shown(one.tried)} | "
            f"{f'ready in {one.seconds:.1f} s' if one.is_up else 'not ready'} |"
            for one in results
        ),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these starters; docs/starters.md then stays as it is")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the projects are kept")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    results = []
    for starter in STARTERS:
        if not options.names or starter.name in options.names:
            result = check(starter, options.cache)
            results.append(result)
            state = "ok" if result.ok else f"WRONG, expected {shown(starter.ports)}"
            print(f"{starter.name}: {shown(result.proposed)} → {shown(result.tried)}: {state}", flush=True)
    if not options.names:
        PAGE.write_text(page(results), encoding="utf-8")
    if not all(result.ok for result in results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
