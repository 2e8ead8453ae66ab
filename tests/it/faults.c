/*
 * Loaded into the program by LD_PRELOAD: counts the calls that change something below a directory, over all
 * threads, and at the n-th of them kills the process or lets the call fail.
 *
 *   FAULT_UNDER  only calls on paths below this directory count (for a rename: where it leads to)
 *   FAULT_CALLS  only these count, separated by spaces: rename unlink fsync mkdir write; all of them if not set
 *   FAULT_PATH   only calls on exactly this path count
 *   FAULT_AT     the n of the n-th call, from 1
 *   FAULT_ERRNO  the error it gets; if not set, the process is killed before the call has done anything
 *   FAULT_STICKY if set, every later call that counts gets the error too
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_long counted;

static int listed(const char *call)
{
    const char *calls = getenv("FAULT_CALLS");
    return calls == NULL || strstr(calls, call) != NULL;
}

/* Whether this call is to fail; does not return if the process is to die. */
static int fails(const char *call, const char *path)
{
    const char *under = getenv("FAULT_UNDER"), *exact = getenv("FAULT_PATH"), *at = getenv("FAULT_AT");
    if (under == NULL || at == NULL || path == NULL || strncmp(path, under, strlen(under)) != 0)
        return 0;
    if (!listed(call) || (exact != NULL && strcmp(path, exact) != 0))
        return 0;
    long number = atomic_fetch_add(&counted, 1) + 1, wanted = atol(at);
    if (number != wanted && !(number > wanted && getenv("FAULT_STICKY") != NULL))
        return 0;
    const char *error = getenv("FAULT_ERRNO");
    if (error == NULL) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
    errno = atoi(error);
    return 1;
}

/* The path of an open file; the static buffer is per thread. */
static const char *path_of(int fd)
{
    static _Thread_local char path[PATH_MAX];
    char link[64];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length < 0)
        return NULL;
    path[length] = 0;
    return path;
}

/* The path that `name` is in the directory `dir`; the static buffer is per thread. */
static const char *path_at(int dir, const char *name)
{
    static _Thread_local char path[2 * PATH_MAX];
    if (name == NULL || name[0] == '/' || dir == AT_FDCWD)
        return name;
    const char *above = path_of(dir);
    if (above == NULL)
        return name;
    snprintf(path, sizeof path, "%s/%s", above, name);
    return path;
}

int rename(const char *from, const char *to)
{
    return fails("rename", to) ? -1 : REAL(rename)(from, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return fails("rename", path_at(to_dir, to)) ? -1 : REAL(renameat)(from_dir, from, to_dir, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return fails("rename", path_at(to_dir, to)) ? -1 : REAL(renameat2)(from_dir, from, to_dir, to, flags);
}

int unlink(const char *path)
{
    return fails("unlink", path) ? -1 : REAL(unlink)(path);
}

int unlinkat(int dir, const char *path, int flags)
{
    return fails("unlink", path_at(dir, path)) ? -1 : REAL(unlinkat)(dir, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir", path) ? -1 : REAL(mkdir)(path, mode);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
    return fails("mkdir", path_at(dir, path)) ? -1 : REAL(mkdirat)(dir, path, mode);
}

int fsync(int fd)
{
    return fails("fsync", path_of(fd)) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return fails("fsync", path_of(fd)) ? -1 : REAL(fdatasync)(fd);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return fails("write", path_of(fd)) ? -1 : REAL(write)(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *data, int count)
{
    return fails("write", path_of(fd)) ? -1 : REAL(writev)(fd, data, count);
}
