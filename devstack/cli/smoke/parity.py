"""`devstack smoke --parity`: a smoke run in dev, one in prod, and what both answer to the same requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devstack.cli.smoke.run import SmokeRun

if TYPE_CHECKING:
    from devstack.config.options import StackOptions
    from devstack.core.check_result import CheckResult

MODES = ("dev", "prod")


@dataclass(slots=True)
class ParityRun:
    """Two smoke runs, one after the other, and the comparison."""

    options: StackOptions
    timeout: float
    ports: str
    no_color: bool
    name: str = "devstack smoke --parity"
    results: list[CheckResult] = field(default_factory=list)
    first_cause: str = ""

    def run(self) -> int:
        """Return the exit code: 0 only if both are ok and answer alike, 128 and its number for a signal."""
        from devstack.checks.parity.parity import compare, requests_for
        from devstack.config.stack import load_stack

        options = {mode: self.options._replace(mode=mode) for mode in MODES}
        requests = requests_for([load_stack(options[mode]).stack for mode in MODES])
        answers = {}
        for mode in MODES:
            run = SmokeRun(
                options[mode],
                timeout=self.timeout,
                ports=self.ports,
                no_color=self.no_color,
                classname=f"devstack.{mode}.smoke",
                requests=requests,
            )
            try:
                code = run.run()
            finally:
                self.results += run.results
                self.first_cause = self.first_cause or run.first_cause
            if run.interrupted is not None:
                return code
            answers[mode] = run.answers
        if all(answers.values()):
            self.results += compare(answers, requests)
        return 0 if all(result.ok for result in self.results) else 1
