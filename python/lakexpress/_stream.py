"""The result of a query as Arrow record batches, from the program's standard output."""

import subprocess
import threading
import weakref
from collections import deque
from typing import IO, TYPE_CHECKING, Any, Deque, Iterator, Optional, Type

from . import _errors, _process
from ._arguments import Command

if TYPE_CHECKING:  # pragma: no cover
    import pyarrow


class Stream:
    """Record batches of a query, as they come.

    It is a context manager around a `pyarrow.RecordBatchReader` (`.reader`), because that cannot end the program when
    it is closed. Give the reader, or the stream, to whatever takes Arrow streams: `duckdb.from_arrow(stream.reader)`,
    `polars.from_arrow(stream.reader)`, `pyarrow.table(stream)`; or iterate over it. It can be read once.

    pyarrow takes a stream that was cut off for a complete one. Here it is not: at the end the program is waited for,
    and unless it ended with 0 and the stream with its end marker, an `Error` is raised while the last batch is asked
    for. Engines that read it raise errors of their own then, with the text of this one; `.error` has it, and leaving
    the `with` block raises it.
    """

    def __init__(self, command: Command) -> None:
        try:
            import pyarrow
        except ImportError as error:
            raise ImportError("stream() needs pyarrow: pip install 'lakexpress[pyarrow]'") from error
        command.env.pop("LAKEXPRESS_JSON", None)
        self._batches = _Batches(pyarrow, command)
        #: The reader of pyarrow. It keeps the program alive, also without this object.
        self.reader: "pyarrow.RecordBatchReader" = pyarrow.RecordBatchReader.from_batches(
            self._batches.schema, self._batches
        )

    @property
    def schema(self) -> "pyarrow.Schema":
        """The schema of all batches."""
        return self._batches.schema

    @property
    def error(self) -> Optional[_errors.Error]:
        """Why the stream broke off; None while it goes on, and when it is complete."""
        return self._batches.error

    def read_all(self) -> "pyarrow.Table":
        """All batches, in memory.

        Raises:
            Error: the stream broke off.
        """
        return self.reader.read_all()

    def __iter__(self) -> "Iterator[pyarrow.RecordBatch]":
        return iter(self.reader)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.reader.__arrow_c_stream__(requested_schema)

    def close(self) -> None:
        """Ends the program, if it goes on. That is no error; to read on afterwards is a `ValueError`."""
        self._batches.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], raised: Optional[BaseException], trace: Any) -> None:
        self.close()
        if self.error is not None and raised is not self.error and (raised is None or isinstance(raised, Exception)):
            raise self.error from raised


class _Batches:
    """Iterates over the batches and says how the program ended. When it is collected the program ends."""

    def __init__(self, pyarrow: Any, command: Command) -> None:
        self._pyarrow = pyarrow
        self.error: Optional[_errors.Error] = None
        self._complete = self._closed = False
        child = _process.start(command)
        assert child.stdout is not None and child.stderr is not None
        self._child = child
        self._said: Deque[str] = deque(maxlen=_process.KEPT)
        unread = threading.Event()
        self._drained = threading.Thread(target=_drain, args=(child.stderr, self._said, unread), daemon=True)
        self._drained.start()
        self._end = weakref.finalize(self, _end, child, unread)
        self._pipe = _Pipe(child.stdout)
        try:
            self._batches = pyarrow.ipc.open_stream(pyarrow.PythonFile(self._pipe, mode="r"))
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise self._ended(f"the stream has no schema: {error}") from error
        except BaseException:
            self._end()
            raise
        self.schema = self._batches.schema

    def __iter__(self) -> "_Batches":
        return self

    def __next__(self) -> Any:
        if self._complete:
            raise StopIteration
        if self.error is not None:
            raise self.error
        if self._closed:
            # What is read later has not read everything: no rows would look like the end.
            raise ValueError("the stream was closed before its end")
        try:
            return self._batches.read_next_batch()
        except StopIteration:
            error = self._ended()
            if error is not None:
                raise error from None
            self._complete = True
            raise
        except (self._pyarrow.ArrowInvalid, OSError) as failed:
            raise self._ended(f"the stream is damaged: {failed}") from failed
        except BaseException:
            self._end()
            raise

    def _ended(self, damage: str = "") -> Any:
        """The error that ended the stream; None when it is complete."""
        if not damage and self._pipe.ended:
            damage = "the stream was cut off before its end marker"
        elif not damage and self._pipe.read(1):
            damage = "there are bytes after the end of the stream"
        if damage and not self._pipe.ended:
            # The program may go on writing what nobody can read.
            self._end()
            exit_code = 0
        else:
            exit_code = self._child.wait()
            self._drained.join(_process.PATIENCE)
        if exit_code != 0:
            self.error = _errors.of_text(exit_code, list(self._said))
        elif damage:
            self.error = _errors.InternalError(damage, exit_code=exit_code)
        self._end()
        return self.error

    def close(self) -> None:
        """Ends the program."""
        self._closed = True
        self._end()


class _Pipe:
    """A pipe as a file for pyarrow, which notes that its end was met: after the end marker nothing is read any more."""

    closed = False

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.ended = False

    def read(self, number: int = -1) -> bytes:
        """As of files."""
        found = self._stream.read(number)
        if number < 0 or len(found) < number:
            self.ended = True
        return found

    def readable(self) -> bool:
        """As of files."""
        return True

    def writable(self) -> bool:
        """As of files."""
        return False

    def seekable(self) -> bool:
        """As of files."""
        return False

    def close(self) -> None:
        """The pipe stays open: the program is ended first."""


def _drain(stream: IO[bytes], said: Deque[str], unread: threading.Event) -> None:
    """Reads standard error, so that the program never waits for it. What it says when it is ended is not logged."""
    with _process.lines(stream) as err:
        for line in err:
            if not unread.is_set():
                _process.tell(line, said)


def _end(child: "subprocess.Popen[bytes]", unread: threading.Event) -> None:
    """Ends a program whose output nobody reads."""
    if child.poll() is None:
        unread.set()
        child.terminate()
    try:
        child.wait(timeout=_process.PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()
