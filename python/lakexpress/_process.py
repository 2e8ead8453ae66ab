"""Runs the program: log lines to Python's logging, the document from standard output, signals to the child."""

import io
import json
import logging
import os
import signal
import subprocess
import threading
from collections import deque
from typing import IO, Any, Callable, Deque, Dict, List, NamedTuple, Optional

from ._arguments import Command
from ._binary import BinaryNotFoundError
from ._progress import Counter, Progress, parsed

#: Log lines of the program, at their own levels.
logger = logging.getLogger("lakexpress")

#: Lines of standard error that are kept for messages.
KEPT = 200
#: The program ends within 8 seconds of a signal.
PATIENCE = 15.0

_LEVELS = {"ERROR": logging.ERROR, "WARNING": logging.WARNING, "INFO": logging.INFO}


class Ended(NamedTuple):
    """A program that came to its end."""

    exit_code: int
    document: Optional[Dict[str, Any]]
    said: List[str]


def start(command: Command) -> "subprocess.Popen[bytes]":
    """Starts the program.

    Raises:
        BinaryNotFoundError: the file cannot be run on this machine.
    """
    try:
        return subprocess.Popen(
            command.argv,
            env=command.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise BinaryNotFoundError(f"{command.argv[0]} cannot be run: {error.strerror or error}") from error


def run(command: Command, progress: Optional[Callable[[Progress], object]] = None) -> Ended:
    """Runs the program to its end. Whatever interrupts it (Ctrl-C, an error of `progress`) stops the program first."""
    child = start(command)
    assert child.stdout is not None and child.stderr is not None
    answer = Reader(child.stdout)
    said: Deque[str] = deque(maxlen=KEPT)
    counter = Counter()
    # In a separate variable: when it goes away the pipe is closed.
    err = lines(child.stderr)
    try:
        for line in err:
            event = counter.line(*entry) if (entry := tell(line, said)) else None
            if event is not None and progress is not None:
                progress(event)
        exit_code = child.wait()
    except BaseException:
        stop(child)
        again = ((_document(answer.text()) or {}).get("error") or {}).get("resume")
        if again:
            logger.warning("the run was stopped; to finish it: %s", again)
        raise
    document = _document(answer.text())
    if progress is not None and document is not None and "totals" in document:
        progress(counter.finished(document))
    return Ended(exit_code, document, list(said))


def lines(stream: IO[bytes]) -> "io.TextIOWrapper":
    """Lines of a pipe, whatever bytes they have."""
    return io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="\n")


def tell(line: str, said: Deque[str]) -> Any:
    """Logs a line of standard error and gives level and message of a log line; other lines are kept in `said`."""
    line = line.rstrip("\r\n")
    entry = parsed(line)
    if entry is None:
        said.append(line)
        if line.strip():
            logger.log(logging.WARNING if line.startswith("warning: ") else logging.INFO, "%s", line)
        return None
    level, message = entry
    logger.log(_LEVELS.get(level, logging.DEBUG), "%s", message)
    return entry


def stop(child: "subprocess.Popen[bytes]", number: int = signal.SIGINT) -> None:
    """Asks the program to stop, as Ctrl-C does, and waits for it. A terminal's Ctrl-C has reached it already: the
    program takes two signals at once for one.
    """
    if child.poll() is None:
        if os.name == "nt":
            child.terminate()
        else:
            child.send_signal(number)
    if child.stderr is not None and not child.stderr.closed:
        threading.Thread(target=_drain, args=(child.stderr,), daemon=True).start()
    try:
        child.wait(timeout=PATIENCE)
    except BaseException as error:
        child.kill()
        child.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise


def _drain(stream: IO[bytes]) -> None:
    try:
        while stream.read(1 << 16):
            pass
    except (OSError, ValueError):
        pass


class Reader:
    """Reads a pipe to its end in a thread, so that the program never waits for it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._parts: List[bytes] = []
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            self._parts.append(stream.read())

    def text(self) -> str:
        """All of it. Returns when the pipe is closed at the other end."""
        self._thread.join(PATIENCE)
        return b"".join(self._parts).decode("utf-8", "replace")


def _document(text: str) -> Optional[Dict[str, Any]]:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
