"""Which ports a source says that it listens on, and what is no evidence."""

from __future__ import annotations

import pytest

from devstack.config.node.listen_calls import ListenCall, Module
from devstack.config.node.port_expressions import PortValue


def ports(source: str, **modules: str) -> list[PortValue]:
    """Return the ports of `source`; `modules` are the files beside it, by name."""

    def load(path: str) -> Module | None:
        text = modules.get(path.removeprefix("./"))
        return Module(text, load) if text is not None else None

    return [call.port for call in Module(source, load).calls()]


@pytest.mark.parametrize(
    ("source", "variable", "default"),
    [
        ('ViteExpress.listen(app, 3000, () => console.log("on 3000..."))', "", 3000),
        ("app.listen(3_000)", "", 3000),
        ("app.listen(process.env.PORT || 3000)", "PORT", 3000),
        ("app.listen(process.env.PORT)", "PORT", None),
        ("app.listen(process.env?.PORT ?? '3000')", "PORT", 3000),
        ("const PORT = process.env.PORT ?? 3000\napp.listen(PORT, () => {})", "PORT", 3000),
        ("const PORT =\n  process.env.PORT ||\n  3000\n\napp.listen(PORT)", "PORT", 3000),
        ("const port: number = Number(process.env.PORT) || 3000;app.listen(port)", "PORT", 3000),
        ("let port = parseInt(process.env.PORT || '3000', 10)\napp.listen({ port, host })", "PORT", 3000),
        ("app.listen(+(process.env['PORT'] ?? 3000))", "PORT", 3000),
        ("const p = process.env.PORT ? Number(process.env.PORT) : 4000\napp.listen(p!)", "PORT", 4000),
        ("const { HOST, PORT = 3000 } = process.env; app.listen(PORT as string)", "PORT", 3000),
        (
            "var p = normalizePort(process.env.PORT || '3000');\napp.set('port', p);\ns.listen(p);",
            "PORT",
            3000,
        ),
        ("const config = { port: process.env.API_PORT || 4001 }\napp.listen(config.port)", "API_PORT", 4001),
        ("await app.listen(process.env.PORT ?? 3000, '0.0.0.0');", "PORT", 3000),
        ("serve({ fetch: app.fetch, port: 3001 }, (info) => {})", "", 3001),
        ("Bun.serve({ fetch, port: 3001 })", "", 3001),
        ("Deno.serve({ port: Number(Deno.env.get('PORT') ?? 8000) }, handler)", "PORT", 8000),
        (
            "const env = z.object({ PORT: z.coerce.number().default(3000) }).parse(process.env)\n"
            "app.listen(env.PORT)",
            "PORT",
            3000,
        ),
        (
            "const env = cleanEnv(process.env, { PORT: port({ default: 3000 }) })\napp.listen(env.PORT)",
            "PORT",
            3000,
        ),
    ],
)
def test_a_port_that_is_written_out_is_read(source: str, variable: str, default: int | None) -> None:
    assert ports(source) == [PortValue(variable, default)]


@pytest.mark.parametrize(
    "source",
    [
        "app.listen(await getPort())",
        "server.listen('/tmp/app.sock')",
        "app.listen(0)",
        "app.listen(70000)",
        "app.listen(port)",
        "app.listen(argv.port || 3000)",
        "app.listen(base + 1)",
        "const base = 3000\nconst port = base + 1\napp.listen(port)",
        "const port = isDev ? 3000 : pick()\napp.listen(port)",
        "const a = b; const b = a; app.listen(a)",
        "app.listen(process.env.HOST || 3000)",
        "if (x) { var port = 1000 } else { var port = 2000 }\napp.listen(port)",
        "// app.listen(3000)",
        "const text = 'app.listen(3000)'",
        "media.listen('change', 3)",
        "process.listeners(3000)",
    ],
)
def test_what_is_computed_or_unknown_is_no_evidence(source: str) -> None:
    assert not any(value.default or value.variable for value in ports(source) if value != PortValue("", 3))


def test_a_constant_is_followed_into_the_module_that_it_is_imported_from() -> None:
    config = "export const PORT = process.env.PORT || 3000"
    assert ports("import { PORT } from './config'\napp.listen(PORT)", config=config) == [
        PortValue("PORT", 3000)
    ]
    assert ports("const { PORT } = require('./config')\napp.listen(PORT)", config=config) == [
        PortValue("PORT", 3000)
    ]


def test_a_property_is_followed_into_the_module_of_its_object() -> None:
    config = "export const config = { host: 'x', port: Number(process.env.API_PORT ?? 8787) };"
    source = "import { config } from './config';\nserve({ fetch, port: config.port })"
    assert ports(source, config=config) == [PortValue("API_PORT", 8787)]


def test_modules_that_import_each_other_end() -> None:
    assert (
        ports(
            "import { P } from './a'\napp.listen(P)", a="import { P } from './b'", b="import { P } from './a'"
        )
        == []
    )


def test_a_websocket_server_on_a_port_of_its_own_speaks_no_http() -> None:
    source = "app.listen(3000)\nnew WebSocketServer({ port: 3001 })\nnew WebSocket.Server({ server })"
    assert list(Module(source).calls()) == [
        ListenCall(PortValue("", 3000)),
        ListenCall(PortValue("", 3001), is_http=False),
    ]


def test_the_imports_of_the_project_are_found() -> None:
    source = (
        "import x from './x'\nimport './y.js'\nexport * from '../z'\nrequire('./w')\nimport e from 'express'"
    )
    assert Module(source).imported() == ("./x", "./y.js", "../z", "./w")
