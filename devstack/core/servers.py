"""Servers that people start from a Procfile: how their commands name a port, and their own default.

Each row has its source: the page or file of its makers that says so. A server whose default is often changed
in a file of its own names that file; where it is there and speaks of a port, the default is in doubt.
"""

from __future__ import annotations

from typing import NamedTuple

from devstack.core.ports import Protocol

P = ("-p", "--port")


class Server(NamedTuple):
    """One server. `command` is its program and, where it matters, its subcommand.

    `options` take a port or ADDRESS:PORT. `default` is None where there is none beyond doubt. `reads_port`
    says that PORT sets the default. `argument`: a bare PORT or ADDRESS:PORT argument is the port. `files` are
    those in which its port may stand, in the service's folder. `takes` are options with another value,
    `variables` those that set the default, PORT apart. `is_alone`: a bare word behind it is another
    subcommand or a file. `elsewhere` are options that make it listen on another port, or on none.
    """

    command: tuple[str, ...]
    source: str
    options: tuple[str, ...] = P
    default: int | None = None
    reads_port: bool = False
    argument: bool = False
    protocol: Protocol = Protocol.HTTP
    files: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    is_alone: bool = False
    elsewhere: tuple[str, ...] = ()


VITE_FILES = tuple(f"vite.config.{kind}" for kind in ("js", "mjs", "cjs", "ts", "mts", "cts"))
ASTRO_FILES = tuple(f"astro.config.{kind}" for kind in ("js", "mjs", "cjs", "ts", "mts", "cts"))
NUXT_FILES = tuple(f"nuxt.config.{kind}" for kind in ("js", "mjs", "ts"))
WEBPACK_FILES = tuple(f"webpack.config.{kind}" for kind in ("js", "cjs", "mjs", "ts"))
UVICORN_TAKES = ("--host", "--log-level", "--workers", "--app-dir", "--env-file", "--reload-dir", "--loop")

SERVERS: tuple[Server, ...] = (
    Server(
        ("rails", "server"),
        "guides.rubyonrails.org/command_line.html",
        default=3000,
        reads_port=True,
        takes=("-b", "--binding", "-e", "--environment", "-u", "--using", "-P", "--pid"),
    ),
    Server(
        ("rails", "s"),
        "guides.rubyonrails.org/command_line.html",
        default=3000,
        reads_port=True,
        takes=("-b", "--binding", "-e", "--environment", "-u", "--using", "-P", "--pid"),
    ),
    Server(("puma",), "github.com/puma/puma, README", ("-p", "--port", "-b", "--bind")),
    Server(("rackup",), "github.com/rack/rackup, bin/rackup", default=9292),
    Server(
        ("webpack-dev-server",), "webpack.js.org/configuration/dev-server", ("--port",), files=WEBPACK_FILES
    ),
    Server(("webpack", "serve"), "webpack.js.org/configuration/dev-server", ("--port",), files=WEBPACK_FILES),
    Server(
        ("vite",),
        "vite.dev/config/server-options",
        ("--port",),
        default=5173,
        files=VITE_FILES,
        takes=("--host", "--mode", "-m", "--base", "--config", "-c", "--logLevel", "-l"),
        is_alone=True,
    ),
    Server(("vite", "dev"), "vite.dev/config/server-options", ("--port",), default=5173, files=VITE_FILES),
    Server(("vite", "serve"), "vite.dev/config/server-options", ("--port",), default=5173, files=VITE_FILES),
    Server(
        ("vite", "preview"), "vite.dev/config/preview-options", ("--port",), default=4173, files=VITE_FILES
    ),
    Server(("next", "dev"), "nextjs.org/docs/app/api-reference/cli/next", default=3000, reads_port=True),
    Server(("next", "start"), "nextjs.org/docs/app/api-reference/cli/next", default=3000, reads_port=True),
    Server(
        ("nuxt", "dev"),
        "nuxt.com/docs/api/commands/dev",
        default=3000,
        reads_port=True,
        files=NUXT_FILES,
        variables=("NUXT_PORT", "NITRO_PORT"),
    ),
    Server(("astro", "dev"), "docs.astro.build/en/reference/cli-reference", default=4321, files=ASTRO_FILES),
    Server(
        ("astro", "preview"), "docs.astro.build/en/reference/cli-reference", default=4321, files=ASTRO_FILES
    ),
    Server(
        ("react-scripts", "start"),
        "create-react-app.dev/docs/advanced-configuration",
        (),
        default=3000,
        reads_port=True,
    ),
    Server(("storybook", "dev"), "storybook.js.org/docs/api/cli-options"),
    Server(("ng", "serve"), "angular.dev/cli/serve", ("--port",)),
    Server(("http-server",), "github.com/http-party/http-server, README"),
    Server(("json-server",), "github.com/typicode/json-server, README", takes=("-h", "--host")),
    Server(
        ("manage.py", "runserver"),
        "docs.djangoproject.com/en/stable/ref/django-admin, runserver",
        (),
        default=8000,
        argument=True,
        takes=("--settings", "--pythonpath", "--verbosity", "-v"),
    ),
    Server(
        ("django-admin", "runserver"),
        "docs.djangoproject.com/en/stable/ref/django-admin, runserver",
        (),
        default=8000,
        argument=True,
        takes=("--settings", "--pythonpath", "--verbosity", "-v"),
    ),
    Server(
        ("flask", "run"),
        "flask.palletsprojects.com/en/stable/cli",
        default=5000,
        files=(".flaskenv",),
        variables=("FLASK_RUN_PORT",),
    ),
    Server(
        ("uvicorn",),
        "www.uvicorn.org/settings",
        ("--port",),
        default=8000,
        takes=UVICORN_TAKES,
        elsewhere=("--uds", "--fd"),
        variables=("UVICORN_PORT",),
    ),
    Server(("fastapi", "dev"), "github.com/fastapi/fastapi-cli, cli.py", ("--port",)),
    Server(("fastapi", "run"), "github.com/fastapi/fastapi-cli, cli.py", ("--port",)),
    Server(
        ("gunicorn",),
        "docs.gunicorn.org/en/stable/settings.html, bind",
        ("-b", "--bind"),
        default=8000,
        reads_port=True,
        files=("gunicorn.conf.py",),
        variables=("GUNICORN_CMD_ARGS",),
        takes=("-w", "--workers", "-k", "--worker-class", "-t", "--timeout", "--chdir", "--log-level"),
    ),
    Server(
        ("hypercorn",),
        "hypercorn.readthedocs.io, configuring, bind",
        ("-b", "--bind"),
        default=8000,
        elsewhere=("--insecure-bind", "--quic-bind"),
    ),
    Server(
        ("daphne",),
        "github.com/django/daphne, README",
        default=8000,
        takes=("-b", "--bind"),
        elsewhere=("-u", "--unix-socket", "--fd", "-e", "--endpoint"),
    ),
    Server(("waitress-serve",), "docs.pylonsproject.org/projects/waitress, runner", ("--port", "--listen")),
    Server(
        ("http.server",),
        "docs.python.org/3/library/http.server.html",
        (),
        default=8000,
        argument=True,
        takes=("-b", "--bind", "-d", "--directory", "-p", "--protocol"),
    ),
    Server(("jupyter", "lab"), "jupyter-server.readthedocs.io, config", ("--port",)),
    Server(("jupyter", "notebook"), "jupyter-server.readthedocs.io, config", ("--port",)),
    Server(("streamlit", "run"), "docs.streamlit.io, server.port", ("--server.port",)),
    Server(("php", "-S"), "www.php.net/manual/en/features.commandline.webserver.php", ("-S",)),
    Server(
        ("artisan", "serve"),
        "laravel.com/docs, artisan serve",
        ("--port",),
        default=8000,
        variables=("SERVER_PORT",),
        elsewhere=("--host",),
    ),
    Server(
        ("redis-server",),
        "redis.io/docs, redis.conf: port",
        ("--port",),
        default=6379,
        protocol=Protocol.TCP,
        takes=("--bind", "--save", "--dir", "--appendonly", "--loglevel", "--dbfilename", "--daemonize"),
        is_alone=True,
        elsewhere=("--sentinel", "--include"),
    ),
    Server(
        ("memcached",),
        "memcached(1)",
        default=11211,
        protocol=Protocol.TCP,
        elsewhere=("-s", "--unix-socket", "-l", "--listen"),
    ),
    Server(("postgres",), "postgresql.org/docs, postgres", ("-p",), protocol=Protocol.TCP),
)
"""Every known server; of two with the same program the longer command is the more exact one."""
