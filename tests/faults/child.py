"""A process that is hard to end, in the way that the first argument names. It says `up` when it is set up.

It stands alone: a test runs it with `python -I -S`. What clears its environment gets the project's mark as
its last argument, so that the test still finds it.
"""

import os
import signal
import sys
import time

FOREVER = 1000.0
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MARK = os.environ.get("STACK_OF_TEST", "")


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def turn_deaf() -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def sleep() -> None:
    while True:
        time.sleep(FOREVER)


def forked(*steps) -> int:
    """Fork; the child does `steps` and sleeps. Return its pid once the steps are done."""
    done, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(done)
        for step in steps:
            step()
        os.close(tell)
        sleep()
    os.close(tell)
    os.read(done, 1)
    os.close(done)
    return pid


def orphaned(*steps) -> int:
    """Fork twice, so that the process that does `steps` has lost its parent; return its pid."""
    read, write = os.pipe()
    if os.fork() == 0:
        pid = os.fork()
        if pid:
            os._exit(0)
        for step in steps:
            step()
        os.write(write, str(os.getpid()).encode())
        os.close(write)
        sleep()
    os.close(write)
    pid = int(os.read(read, 32))
    os.close(read)
    os.wait()
    return pid


def let_go_of_output() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)


def emptied(*ways: str) -> None:
    """Become this program again, with an empty environment."""
    os.execve(sys.executable, [sys.executable, "-I", "-S", __file__, *ways, MARK], {})


def with_empty_environment(*, setsid: bool, is_deaf: bool, is_orphan: bool, before=()) -> int:
    """Start a process whose environment was cleared before it began; return its pid when it is set up."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    steps = [*before, os.setsid] if setsid else [*before]
    if is_deaf:
        steps.append(turn_deaf)
    steps.append(lambda: emptied("tell", str(write)))
    if os.fork() == 0:
        if is_orphan and os.fork():
            os._exit(0)
        for step in steps:
            step()
    os.close(write)
    pid = int(os.read(read, 32))
    os.close(read)
    if is_orphan:
        os.wait()
    return pid


def on_signal(action) -> None:
    for number in ENDING:
        signal.signal(number, lambda *_: action())


# The ways.


def calm() -> None:
    """End on the first signal, as programs do."""


def deaf() -> None:
    turn_deaf()


def pair() -> None:
    """As `sh -c 'a & b'`: two in one group, and the first one's parent does not wait."""
    say(f"child={forked()}")


def session() -> None:
    """A grandchild in a session of its own, deaf."""
    say(f"child={forked(os.setsid, turn_deaf)}")


def orphan() -> None:
    """A process that forked twice, leads its own session and lost its parent, deaf."""
    say(f"child={orphaned(os.setsid, turn_deaf, let_go_of_output)}")


def daemon() -> None:
    """Set up a daemon and end well, as a one-shot."""
    say(f"child={orphaned(os.setsid, let_go_of_output)}")
    say("up")
    sys.exit(0)


def deaf_daemon() -> None:
    say(f"child={orphaned(os.setsid, turn_deaf, let_go_of_output)}")
    say("up")
    sys.exit(0)


def empty_in_group() -> None:
    say(f"child={with_empty_environment(setsid=False, is_deaf=True, is_orphan=False)}")


def empty_in_session() -> None:
    say(f"child={with_empty_environment(setsid=True, is_deaf=True, is_orphan=False)}")


def empty_orphan() -> None:
    say(f"child={with_empty_environment(setsid=True, is_deaf=True, is_orphan=True)}")


def unmarked() -> None:
    """An orphan in a session of its own, with no environment, no parent, and none of our pipes."""
    let_go = [let_go_of_output]
    say(f"child={with_empty_environment(setsid=True, is_deaf=True, is_orphan=True, before=let_go)}")


def tell() -> None:
    """What `with_empty_environment` becomes."""
    os.write(int(sys.argv[2]), str(os.getpid()).encode())
    os.close(int(sys.argv[2]))
    sleep()


def holds_output() -> None:
    """Its grandchild slips away with its output open."""
    say(f"child={forked(os.setsid)}")


def forks() -> None:
    """Fork as long as it lives, from the moment on when it is asked to end; everyone is deaf."""

    def go_on() -> None:
        turn_deaf()
        for _ in range(400):
            if os.fork() == 0:
                time.sleep(FOREVER)
            time.sleep(0.005)

    on_signal(go_on)


def takes_token() -> bool:
    """Take one of the tokens that the file of the second argument counts; False when all are taken.

    Every fork takes one: so a failing test harms no machine, and tells how many there were.
    """
    path, most = sys.argv[2], int(sys.argv[3])
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        if os.fstat(descriptor).st_size >= most:
            return False
        os.write(descriptor, b"x")
        return True
    finally:
        os.close(descriptor)


def fork_three() -> None:
    for _ in range(3):
        if takes_token() and os.fork() == 0:
            sleep()


def forks_on_term() -> None:
    """Fork three children on SIGTERM, each of which does the same."""
    for number in ENDING:
        signal.signal(number, lambda *_: fork_three())


def forks_on_cont() -> None:
    """Fork three children on SIGCONT, each of which does the same; deaf otherwise."""
    turn_deaf()
    signal.signal(signal.SIGCONT, lambda *_: fork_three())


def fork_loop() -> None:
    """Fork a deaf child every few milliseconds, all the time."""
    turn_deaf()
    say("up")
    while takes_token():
        if os.fork() == 0:
            sleep()
        time.sleep(0.005)


def fork_chain() -> None:
    """Fork a child every few milliseconds and end: whoever is seen is gone a moment later. All are deaf."""
    turn_deaf()
    say("up")
    if os.fork():
        sleep()
    while takes_token():
        if os.fork():
            os._exit(0)
        time.sleep(0.005)


def finishes() -> None:
    """Take two seconds to end, and say goodbye."""

    def finish() -> None:
        turn_deaf()
        time.sleep(2.0)
        say("goodbye")
        os._exit(0)

    on_signal(finish)


def finishes_when() -> None:
    """When asked to end, wait until the file of the second argument is there, say goodbye and end."""

    def finish() -> None:
        turn_deaf()
        while not os.path.exists(sys.argv[2]):
            time.sleep(0.01)
        say("goodbye")
        os._exit(0)

    on_signal(finish)


def counts_signals() -> None:
    """Say how many signals came until the end."""

    def count() -> None:
        say("signal")

    on_signal(count)


def main() -> None:
    globals()[sys.argv[1]]()
    say("up")
    sleep()


if __name__ == "__main__":
    main()
