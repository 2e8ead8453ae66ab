"""A file system that ignores the case of names, as those of macOS and Windows do: a FUSE file system over a directory.

folding_fs.py BELOW MOUNT; runs until it is unmounted.
"""

import errno
import os
import sys
import unicodedata

import mfusepy


def folded(name):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


class Folding(mfusepy.Operations):
    use_ns = True

    def __init__(self, below):
        self.below = below

    def real(self, path):
        """The path below, each name as it was first written."""
        at = self.below
        for name in path.strip("/").split("/"):
            if not name:
                continue
            try:
                there = os.listdir(at)
            except OSError:
                there = []
            at = os.path.join(at, next((n for n in there if folded(n) == folded(name)), name))
        return at

    def getattr(self, path, fh=None):
        found = os.lstat(self.real(path))
        keys = ("st_gid", "st_mode", "st_nlink", "st_size", "st_uid")
        times = {f"st_{time}": getattr(found, f"st_{time}_ns") for time in ("atime", "ctime", "mtime")}
        return {key: getattr(found, key) for key in keys} | times

    def readdir(self, path, fh):
        return [".", ".."] + os.listdir(self.real(path))

    def mkdir(self, path, mode):
        os.mkdir(self.real(path), mode)

    def rmdir(self, path):
        os.rmdir(self.real(path))

    def unlink(self, path):
        os.unlink(self.real(path))

    def rename(self, old, new, flags=0):
        os.rename(self.real(old), self.real(new))

    def chmod(self, path, mode):
        os.chmod(self.real(path), mode)

    def utimens(self, path, times=None):
        os.utime(self.real(path), ns=times)

    def create(self, path, mode, fi=None):
        return os.open(self.real(path), os.O_RDWR | os.O_CREAT, mode)

    def open(self, path, flags):
        return os.open(self.real(path), flags & ~os.O_EXCL)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        os.truncate(fh if fh is not None else self.real(path), length)

    def fsync(self, path, datasync, fh):
        os.fsync(fh)

    def fsyncdir(self, path, datasync, fh):
        return 0

    def flush(self, path, fh):
        return 0

    def release(self, path, fh):
        os.close(fh)

    def statfs(self, path):
        found = os.statvfs(self.real(path))
        keys = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_frsize", "f_namemax")
        return {key: getattr(found, key) for key in keys}

    def access(self, path, amode):
        if not os.access(self.real(path), amode):
            raise mfusepy.FuseOSError(errno.EACCES)


if __name__ == "__main__":
    mfusepy.FUSE(Folding(sys.argv[1]), sys.argv[2], foreground=True)
