"""What init proposes is loaded as `up` would load it, before it is shown."""

from __future__ import annotations

import json
from pathlib import Path

from devstack.config.options import StackOptions
from devstack.config.proposal.loading import check_proposal, known_environment, load_proposed
from devstack.config.proposal.propose import propose
from devstack.config.proposal.proposed import Proposal


def proposed(folder: Path) -> Proposal:
    return propose(str(folder), known_environment(StackOptions(str(folder), {})))


def express_and_react(folder: Path) -> None:
    scripts = {
        "dev": "concurrently 'npm run server' 'npm run client'",
        "server": "nodemon server.js",
        "client": "npm start --prefix client",
    }
    (folder / "package.json").write_text(json.dumps({"scripts": scripts}))
    (folder / "server.js").write_text("app.listen(process.env.PORT || 4000)")
    (folder / "client").mkdir()
    (folder / "client" / "package.json").write_text('{"scripts": {"start": "react-scripts start"}}')


def test_a_proposal_loads_with_the_env_that_is_there(tmp_path: Path) -> None:
    express_and_react(tmp_path)
    (tmp_path / ".env").write_text("PORT=5000\n")
    options = StackOptions(str(tmp_path), {}, mode="dev")
    proposal = proposed(tmp_path)
    assert check_proposal(options, proposal) == ()
    claims = load_proposed(options, proposal).stack.claims
    assert [(one.service, one.variable, one.port) for one in claims] == [
        ("api", "PORT", 5000),
        ("frontend", "FRONTEND_PORT", 3000),
    ]


def test_a_documented_env_counts_before_somebody_copies_it(tmp_path: Path) -> None:
    express_and_react(tmp_path)
    (tmp_path / ".env.example").write_text(
        "PORT=3000\n"
    )  # react-scripts keeps PORT, and the server gets another
    assert "api: PORT=$API_PORT node_modules/.bin/nodemon server.js" in (
        proposed(tmp_path).text("Procfile.dev") or ""
    )


def test_what_up_would_refuse_is_a_note_with_its_place(tmp_path: Path) -> None:
    express_and_react(tmp_path)
    (tmp_path / ".env").write_text("PORT=abc\n")
    [note] = check_proposal(StackOptions(str(tmp_path), {}), proposed(tmp_path))
    assert note.startswith("`devstack up --mode dev` refuses this: .env:1: PORT='abc'")


def test_variables_that_the_example_has_already_are_not_taken(tmp_path: Path) -> None:
    express_and_react(tmp_path)
    (tmp_path / ".env.example").write_text("PORT=5000\nFRONTEND_PORT=5000\nFRONTEND_2_PORT=5000\n")
    proposal = proposed(tmp_path)
    assert check_proposal(StackOptions(str(tmp_path), {}), proposal) == ()
