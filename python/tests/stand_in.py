"""A program in place of the real one, which writes an Arrow stream and fails as STAND_IN says."""

import os
import signal
import sys
import time

import pyarrow as pa

SAID = """error: cannot connect to the server
  server: db.example.com:5432
  caused by: connection reset by peer
hint: try again later
code: LX0302 (unavailable)
"""
LOGGED = "2026-01-01 10:00:00Z | WARNING | trying again in 0.4 s\n"
ROWS = 1000


def batch(number):
    """A batch of a megabyte or so."""
    texts = [f"{number:08} {row:08} ".ljust(1000, "x") for row in range(ROWS)]
    return pa.RecordBatch.from_pydict({"id": pa.array([number] * ROWS, pa.int64()), "text": texts})


def fail(code=75):
    """Ends as the program does."""
    sys.stderr.write(SAID)
    sys.stderr.flush()
    os._exit(code)


def stopped(_number, _frame):
    """Says that it stops, as the program does."""
    sys.stderr.write("2026-01-01 10:00:00Z | WARNING | stopping: terminated by SIGTERM\n")
    sys.stderr.flush()
    os._exit(143)


def main(how):
    """Writes ten batches."""
    out = os.fdopen(1, "wb", buffering=0)
    signal.signal(signal.SIGTERM, stopped)
    if how == "early":
        fail(2)
    if how == "echo":
        sys.stderr.write(f"error: {sys.argv[1:]}\n")
        os._exit(2)
    parts = bytearray()

    class Into:
        """A file of pyarrow that keeps what is written."""

        closed = False

        def write(self, data):
            parts.extend(data)
            return len(data)

        def flush(self):
            pass

        def close(self):
            pass

        def writable(self):
            return True

        def readable(self):
            return False

        def seekable(self):
            return False

    writer = pa.ipc.new_stream(pa.PythonFile(Into(), mode="w"), batch(0).schema)
    for number in range(10**6 if how == "endless" else 10):
        writer.write_batch(batch(number))
        if how == "endless":
            with open(os.environ["STAND_IN_COUNT"], "w", encoding="utf-8") as file:
                file.write(f"{os.getpid()} {number}")
        out.write(bytes(parts))
        parts.clear()
        if how == "noisy":
            sys.stderr.write(LOGGED * 5000)
            sys.stderr.flush()
        if number == 5 and how == "cut":
            fail()
        if number == 5 and how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 5 and how in ("middle", "middle_quietly"):
            writer.write_batch(batch(number))
            out.write(bytes(parts[: len(parts) // 2]))
            fail(75 if how == "middle" else 0)
        if number == 5 and how == "garbage":
            out.write(b"\x01\x02\x03\x04" * 100)
            time.sleep(0.1)
            os._exit(0)
    if how != "no_marker":
        writer.close()
        out.write(bytes(parts))
    if how == "after_the_end":
        fail()
    if how == "more":
        out.write(b"more")


if __name__ == "__main__":
    main(os.environ["STAND_IN"])
