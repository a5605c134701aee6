"""One smoke run: preflight, up, ask every claim, down, prove. `devstack smoke` shows what comes of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devstack.cli.smoke.cause import cause_of_failure, cause_of_preflight, ports_at_stop, ports_now
from devstack.cli.up.interruption import STOP_SIGNALS, Interrupted, raising_interrupted
from devstack.core.check_result import CheckResult
from devstack.core.critical_path import first_in_trouble
from devstack.core.events import Event, ServiceChanged, StackReady, StackStopping
from devstack.core.service import UP_STATES, ServiceState
from devstack.errors import DevstackError

if TYPE_CHECKING:
    from devstack.checks.parity.parity import Answer, Request
    from devstack.cli.up.launching import Prepared
    from devstack.config.options import StackOptions
    from devstack.core.port_report import PortReport
    from devstack.core.stack import Stack
    from devstack.supervisor.run_folder.record import Record


@dataclass(slots=True)
class SmokeRun:
    """One smoke run: what is to be done, and what has been found so far.

    `requests` are to be asked for a comparison with another mode; `answers` has what came of them.
    `first_cause` tells in lines what failed first, where anything did. `interrupted` is the signal that ended
    the run before it was through, `record` that of the run, `ports_then` the claims as they were at the first
    trouble of the start.
    """

    options: StackOptions
    timeout: float
    ports: str
    no_color: bool
    name: str = "devstack smoke"
    classname: str = "devstack.smoke"
    requests: tuple[Request, ...] = ()
    answers: dict[Request, Answer] = field(default_factory=dict)
    first_cause: str = ""
    interrupted: int | None = None
    results: list[CheckResult] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    record: Record | None = None
    ports_then: tuple[PortReport, ...] = ()

    def run(self) -> int:
        """Return the exit code: 0 only if every result is ok, 128 and its number if a signal came."""
        from devstack.cli.up.launching import prepare

        began = time.monotonic()
        try:
            prepared = prepare(self.options, ports=self.ports, no_color=self.no_color)
        except DevstackError as error:
            self._note("preflight", ok=False, detail=error.message, began=began)
            self.first_cause = cause_of_preflight(self.options, error)
            raise
        self.name = f"devstack smoke, mode {prepared.stack.mode}"
        count = len(prepared.stack.claims)
        free = f"{count} port{'s' if count != 1 else ''} free"
        self._note("preflight", ok=True, detail=free, began=began)
        if self._start(prepared):
            self.ports_then = ()
            self._use_and_stop(prepared.stack)
        else:
            self._find_cause(prepared.stack)
            if self.record is not None:
                self._prove_no_process(self.record)
        self._prove(prepared.stack)
        if self.interrupted is not None:
            return 128 + self.interrupted
        return 0 if all(result.ok for result in self.results) else 1

    def _note(self, name: str, *, ok: bool, detail: str, began: float) -> None:
        seconds = round(time.monotonic() - began, 3)
        self.results.append(CheckResult(name, self.classname, ok, detail, seconds))

    def _start(self, prepared: Prepared) -> bool:
        from devstack.checks.contract import result_of
        from devstack.cli.up.detaching import Onlooker, run_detached

        began = time.monotonic()
        onlooker = Onlooker(
            heard=lambda event: self._hear(event, prepared.stack),
            before_stop=lambda: self._see_ports(prepared.stack),
            is_warned=False,
        )
        code = run_detached(prepared, timeout=self.timeout, no_color=self.no_color, onlooker=onlooker)
        self.interrupted = next((number for number in STOP_SIGNALS if code == 128 + number), None)
        mode = prepared.stack.mode
        self.results += [
            _start_result(service.name, mode, self.events) for service in prepared.stack.services
        ]
        self.results += [
            result_of(finding, mode)
            for event in self.events
            if isinstance(event, StackStopping)
            for finding in event.findings
        ]
        ready = next((event.seconds for event in self.events if isinstance(event, StackReady)), None)
        detail = f"all ready after {ready:.1f} s" if ready is not None else f"exit code {code}"
        self._note("up", ok=code == 0, detail=detail, began=began)
        return code == 0

    def _hear(self, event: Event, stack: Stack) -> None:
        """Keep `event`, and the record while it is there: of a start that fails it is removed."""
        from devstack.supervisor.run_folder.record import read_record

        self.events.append(event)
        self.record = self.record or read_record(self.options.project)
        if isinstance(event, StackStopping) and first_in_trouble([event]) is not None:
            self.ports_then = self.ports_then or ports_at_stop(stack, event)
        elif isinstance(event, ServiceChanged) and event.status.state is ServiceState.BACKOFF:
            self._see_ports(stack)

    def _see_ports(self, stack: Stack) -> None:
        """Look at the ports at the first trouble, while everything still stands."""
        self.ports_then = self.ports_then or ports_now(stack)

    def _use_and_stop(self, stack: Stack) -> None:
        """Ask all that is to be asked of the running stack, and stop it whatever happens."""
        began = time.monotonic()
        try:
            with raising_interrupted():
                self._ask(stack)
                self._compare(stack)
                self._find_cause(stack)
        except Interrupted as interrupted:
            self.interrupted = interrupted.number
            self._note("all asked", ok=False, detail=f"ended by {interrupted}", began=began)
        finally:
            self._stop(stack)

    def _ask(self, stack: Stack) -> None:
        import asyncio

        from devstack.checks.smoke import probe_claims

        self.results += asyncio.run(probe_claims(stack))
        if self.requests:
            from devstack.checks.parity.parity import ask_all

            self.answers = asyncio.run(ask_all(stack, self.requests))

    def _find_cause(self, stack: Stack) -> None:
        """Gather what tells why something failed, while it can be seen."""
        failed = next((result for result in self.results if not result.ok), None)
        if failed is not None:
            ports = self.ports_then or ports_now(stack)
            self.first_cause = cause_of_failure(stack, self.events, failed, ports)

    def _compare(self, stack: Stack) -> None:
        """Compare what the stack claims with what is; a listener that nobody declared fails here."""
        import asyncio

        from devstack.checks.contract import check_contract, result_of
        from devstack.cli.running_facts import facts_of_run
        from devstack.core.findings import Level
        from devstack.supervisor.run_folder.record import running_record

        record = running_record(stack.project)
        if record is None:
            return  # that it is gone is for the stop to say
        began = time.monotonic()
        findings = asyncio.run(check_contract(facts_of_run(stack, record), exposure=Level.ERROR))
        seconds = (time.monotonic() - began) / max(len(findings), 1)
        self.results += [result_of(finding, stack.mode, seconds) for finding in findings]

    def _stop(self, stack: Stack) -> None:
        from devstack.supervisor.control.stopping import end_dead_run, stop_run
        from devstack.supervisor.run_folder.record import read_record

        began = time.monotonic()
        record = read_record(stack.project)
        if record is None:
            ended = self._had_all_ended()
            detail = "every service had ended" if ended else "the supervisor is gone, and its record"
            self._note("down", ok=ended, detail=detail, began=began)
            if self.record is not None:
                self._prove_no_process(self.record)
            return
        stop = stop_run if record.is_alive else end_dead_run
        said: list[str] = []
        try:
            with raising_interrupted():
                outcome = stop(record, None, said.append)
        except Interrupted as interrupted:  # once more, or only now: at once
            self.interrupted = self.interrupted or interrupted.number
            outcome = stop(record, 0.0, said.append)
        self._note("down", ok=not outcome.left, detail=outcome.what, began=began)
        self._prove_no_process(record)

    def _had_all_ended(self) -> bool:
        """Say whether each service had done its work when all were up: such a stack ends by itself."""
        states = {
            event.name: event.status.state for event in self.events if isinstance(event, ServiceChanged)
        }
        return set(states.values()) == {ServiceState.EXITED}

    def _prove_no_process(self, record: Record) -> None:
        from devstack.machine.process_tree import Marks, find_members

        began = time.monotonic()
        left = [member.row.pid for member in find_members(Marks(cookie=record.run))]
        detail = f"left: {', '.join(map(str, left))}" if left else "none of the run's processes lives"
        self._note("no process is left", ok=not left, detail=detail, began=began)

    def _prove(self, stack: Stack) -> None:
        from devstack.core.port_report import PortState
        from devstack.machine.preflight import check_claims

        began = time.monotonic()
        held = [
            report.claim.port for report in check_claims(stack.claims) if report.state is not PortState.FREE
        ]
        detail = f"still held: {', '.join(map(str, held))}" if held else "all free again"
        self._note("no port is held", ok=not held, detail=detail, began=began)


def _start_result(name: str, mode: str, events: list[Event]) -> CheckResult:
    """Return how the start of one service went, with what is known of it where it failed."""
    from devstack.console.wording import trouble_lines

    classname = f"devstack.{mode}.{name}"
    for event in events:
        if isinstance(event, StackStopping):
            for trouble in event.troubles:
                if trouble.name == name:
                    lines = "\n".join(trouble_lines(trouble, event.seconds))
                    return CheckResult("ready", classname, False, lines, round(event.seconds, 3))
        if isinstance(event, ServiceChanged) and event.name == name and event.status.state in UP_STATES:
            return CheckResult("ready", classname, True, event.status.state.value, round(event.seconds, 3))
    return CheckResult("ready", classname, False, "was not ready when the stack was stopped")
