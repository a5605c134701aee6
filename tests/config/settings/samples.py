"""Samples of devstack.toml that the validator and the JSON schema must both take, or both refuse."""

from __future__ import annotations

SEED = """
[services.api]
ports      = [{ env = "PORT", default = 5000, protocol = "http", purpose = "REST API" }]
ready      = { http = "/api/health" }
depends_on = ["trading"]
restart    = { mode = "on-failure", max = 5, within = 60 }
stop       = { signal = "TERM", grace = 10 }
env        = { LOG_LEVEL = "debug" }
cwd        = "server"
tty        = false
stdin      = "null"
"""

ACCEPTED = (
    "",
    "[services]",
    "[services.web]",
    SEED,
    "[services.web]\nports = []",
    "[[services.web.ports]]\nenv = 'A'\ndefault = 1\n[[services.web.ports]]\ndefault = 65535",
    "[services.web]\nports = [{ env = 'A' }]",
    "[services.web]\nports = [{ default = 80, protocol = 'ws', path = '/ws', subprotocol = 'chat' }]",
    "[services.web]\nports = [{ default = 80, protocol = 'http', also_ws = true, path = '/ws' }]",
    "[services.web]\nports = [{ default = 80, protocol = 'tcp', also_ws = false }]",
    "[services.web]\nready = { tcp = true }",
    "[services.web]\nready = { tcp = 5432, every = 0.5 }",
    "[services.web]\nready = { tcp = 'DB_PORT' }",
    "[services.web]\nready = { tcp = true, port = 5432 }",
    "[services.web]\nready = { http = '/', status = 204, body = 'ok', port = 'PORT', every = 5 }",
    "[services.web]\nready.http = '/'\nready.status = [200, 404]",
    "[services.web]\nready = { ws = '/ws', subprotocol = 'chat', first_message = 'hello' }",
    "[services.web]\nready = { log = 'listening on \\d+' }",
    "[services.web]\nready = { command = 'pg_isready', every = 10 }",
    "[services.web]\nrestart = {}\nstop = {}",
    "[services.web]\nrestart = { mode = 'never' }\nstop = { signal = 'SIGINT', grace = 0 }",
    "[services.web]\nrestart = { mode = 'always', max = 0, within = 0.5 }",
    "[services.web]\nenv = { A = '', B = 5, C = '${D}' }",
    "[services.web]\nenv = { A = -9223372036854775808, B = 9223372036854775807 }\nstop = { grace = 1e9 }",
    "[services.web]\nwatch = ['src', '*.py']\nsocket = true\ntty = true",
    "[services.'web']\ndepends_on = []",
    "[services.migrate]\noneshot = true\nrestart.mode = 'never'",
    "[services.web]\noneshot = false\nready = { http = '/' }\nrestart.mode = 'always'",
)

REFUSED = {
    "service = 1": (1, "service: there is no such key (did you mean “services”?)"),
    "services = 1": (1, "services: expected a table, found 1"),
    "[services]\nweb = 'x'": (2, "services.web: expected a table, found “x”"),
    "[services.web]\nport = 1": (2, "services.web.port: there is no such key (did you mean “ports”?)"),
    "[services.web]\n\ndepend_on = []": (3, "(did you mean “depends_on”?)"),
    "[services.web]\nports = { env = 'A' }": (2, "services.web.ports: expected an array, found a table"),
    "[services.web]\nports = [5000]": (2, "services.web.ports[0]: expected a table, found 5000"),
    "[services.web]\nports = [\n  { default = 1 },\n  { protocol = 'tcp' },\n]": (
        4,
        "needs `env`, `default` or both",
    ),
    "[services.web]\nports = [{ default = 0 }]": (2, "a whole number, 1 to 65535, found 0"),
    "[services.web]\nports = [{ default = 65536 }]": (2, "found 65536"),
    "[services.web]\nports = [{ default = '80' }]": (2, "found “80”"),
    "[services.web]\nports = [{ default = true }]": (2, "found true"),
    "[services.web]\nports = [{ env = '' }]": (2, "a string that is not empty"),
    "[services.web]\nports = [{ env = 'A B' }]": (2, "“A B” is no name for a variable"),
    "[services.web]\nports = [{ env = 'A=B' }]": (2, "is no name for a variable"),
    "[services.web]\nports = [{ default = 1, protocol = 'https' }]": (
        2,
        "none of tcp, http, ws (did you mean “http”?)",
    ),
    "[services.web]\nports = [{ default = 1, path = '/ws' }]": (2, "belongs to a WebSocket"),
    "[services.web]\nports = [{ default = 1, protocol = 'http', subprotocol = 'x' }]": (
        2,
        "belongs to a WebSocket",
    ),
    "[services.web]\nports = [{ default = 1, also_ws = true }]": (2, 'goes with protocol = "http" alone'),
    "[services.web]\nports = [{ default = 1, protocol = 'ws', path = 'ws' }]": (2, "“ws” is no path"),
    "[services.web]\nports = [{ default = 1, protocol = 'ws', subprotocol = 'a b' }]": (
        2,
        "no name for a subprot",
    ),
    "[services.web]\nready = { ws = '/', subprotocol = \"a\\r\\nX: y\" }": (2, r"“a\r\nX: y” is no name"),
    "[services.web]\n'ready\u0085' = 1": (2, r"services.web.ready\x85: there is no such key"),
    "[services.web]\nready = {}": (2, "exactly one of tcp, http, ws, log, command; there is none of them"),
    "[services.web]\nready = 'http'": (2, "expected a table, found “http”"),
    "[services.web]\nready = { http = '/', log = 'x' }": (2, "there is http and log"),
    "[services.web]\nready = { https = '/' }": (2, "(did you mean “http”?)"),
    "[services.web]\nready = { http = 'health' }": (2, "“health” is no path"),
    "[services.web]\nready = { http = '/a b' }": (2, "is no path"),
    "[services.web]\nready = { tcp = false }": (2, "expected true, a port or a variable, found false"),
    "[services.web]\nready = { tcp = 0 }": (2, "1 to 65535"),
    "[services.web]\nready = { tcp = 1, port = 2 }": (2, "`tcp` names a port already"),
    "[services.web]\nready = { tcp = true, status = 200 }": (2, "ready.status: does not go with tcp"),
    "[services.web]\nready = { log = 'x', every = 1 }": (2, "ready.every: does not go with log"),
    "[services.web]\nready = { command = 'x', port = 1 }": (2, "ready.port: does not go with command"),
    "[services.web]\nready = { http = '/', first_message = 'x' }": (2, "does not go with http"),
    "[services.web]\nready = { http = '/', status = 99 }": (2, "100 to 599"),
    "[services.web]\nready = { http = '/', status = [] }": (2, "names no status"),
    "[services.web]\nready = { http = '/', status = [200, 'x'] }": (2, "ready.status[1]"),
    "[services.web]\nready = { http = '/', every = 0 }": (2, "a number of seconds above 0, found 0"),
    "[services.web]\nready = { http = '/', body = '' }": (2, "a string that is not empty"),
    "[services.web]\nready = { command = '' }": (2, "a string that is not empty"),
    "[services.web]\ndepends_on = 'api'": (2, "expected an array, found “api”"),
    "[services.web]\ndepends_on = [\n'a',\n1]": (4, "depends_on[1]: expected a string"),
    "[services.web]\nrestart = { mode = 'onfailure' }": (2, "(did you mean “on-failure”?)"),
    "[services.web]\nrestart = { max = -1 }": (2, "a whole number, 0 or more, found -1"),
    "[services.web]\nrestart = { max = 1.5 }": (2, "found 1.5"),
    "[services.web]\nrestart = { within = 0 }": (2, "above 0"),
    "[services.web]\nready = { http = '/', every = 1 }\nrestart = { unready = 0 }": (3, "above 0"),
    "[services.web]\nrestart = { unready = 30 }": (2, "unready needs ready.every"),
    "[services.web]\nstdin = 'nul'": (2, "(did you mean “null”?)"),
    "[services.web]\nrestart = 'always'": (2, "expected a table"),
    "[services.web]\nstop = { signal = 'TREM' }": (2, "(did you mean “TERM”?)"),
    "[services.web]\nstop = { signal = 15 }": (2, "expected a string"),
    "[services.web]\nstop = { grace = -1 }": (2, "a number of seconds, found -1"),
    "[services.web]\nstop = { grace = '10s' }": (2, "found “10s”"),
    "[services.web]\nstop = { grace = 1e10 }": (2, "a number of seconds, found 10000000000.0"),
    "[services.web]\nready = { http = '/', every = inf }": (2, "a number of seconds, found inf"),
    "[services.web]\nports = [{ default = 0x1ffffffffffffffff }]": (2, "found a number of more than 64 bits"),
    "[services.web]\nenv = ['A=1']": (2, "expected a table, found an array"),
    "[services.web]\nenv = { A = true }": (2, "services.web.env.A: expected a string"),
    "[services.web]\n[services.web.env]\n'A B' = '1'": (3, "is no name for a variable"),
    "[services.web]\ncwd = ''": (2, "services.web.cwd"),
    "[services.web]\ntty = 'yes'": (2, "expected true or false, found “yes”"),
    "[services.web]\nsocket = 1": (2, "expected true or false, found 1"),
    "[services.web]\noneshot = 1": (2, "expected true or false, found 1"),
    "[services.web]\noneshot = true\nready = { tcp = 1 }": (3, "does not go with oneshot = true"),
    "[services.web]\noneshot = true\nrestart.mode = 'always'": (1, "does not go with restart.mode"),
    "[services.web]\nwatch = 'src'": (2, "expected an array"),
    "[services.web]\nwatch = ['']": (2, "watch[0]"),
}
"""Document → the line and some words of the message that refuses it."""
