"""Programs that are run to their end, servers that are stopped again, and what cannot be had."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
# One call of a load, server or tool that should take seconds is given up after this many.
SECONDS_MAX = 120


class Missing(Exception):
    """A peer, or what it takes to drive it, cannot be installed here."""


class Failed(Exception):
    """A program did not do what it was started for."""


def output(*command, seconds=SECONDS_MAX, both=False, **options):
    """Runs a program and answers what it printed, with its complaints if `both`.

    A late program is ended, and in any case the children that it left.
    """
    command = [str(word) for word in command]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    try:
        program = subprocess.Popen(command, text=True, start_new_session=True, **pipes, **options)
    except OSError as error:
        raise Failed(f"{command[0]}: {error}") from error
    try:
        printed, complaint = program.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{' '.join(command)}: not done after {seconds} s") from late
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
    if program.returncode != 0:
        last = (complaint.strip() or printed.strip() or "no word").splitlines()[-1]
        raise Failed(f"{pathlib.Path(command[0]).name}: exit {program.returncode}: {last}")
    return printed + complaint if both else printed


def installed(*command, **options):
    """Runs a package manager, whose failure means that the thing cannot be had."""
    try:
        return output(*command, seconds=1800, **options)
    except Failed as error:
        raise Missing(str(error)) from error


def apt_install(package):
    """Installs a Debian package, if this is such a system and ours to change; starts no service."""
    if os.geteuid() != 0:
        raise Missing(f"apt-get install {package} takes root")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    installed("apt-get", "install", "-y", "-q", "--no-install-recommends", package, env=quiet)


def free_port():
    """A port on the loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def served(*command, port, log, ready=None, **options):
    """A server, from when it listens on the loopback and `ready` succeeds until the block ends."""
    with open(log, "wb") as words:
        server = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
            **options,
        )
    try:
        give_up = time.monotonic() + SECONDS_MAX
        while not listening(port, ready):
            if server.poll() is not None or time.monotonic() > give_up:
                last = pathlib.Path(log).read_text(errors="replace").strip().splitlines()[-1:]
                raise Failed(f"{pathlib.Path(command[0]).name} does not listen: {last}")
            time.sleep(0.02)
        yield
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def listening(port, ready):
    """Does somebody accept connections there, and does a program agree if there is one to ask?"""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return False
    with contextlib.suppress(Failed):
        return ready is None or bool(output(*ready))
    return False
