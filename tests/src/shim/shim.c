/* Stands between the service and its disk: fails, tears, kills at, or records what it writes.
 *
 * Loaded with LD_PRELOAD. It looks at files below SHIM_UNDER only, and does what SHIM_RULE says:
 * "op,file,number,action[,on]". The op is write, sync, truncate or open (to write); the file is a path below
 * SHIM_UNDER, or a part of one behind an asterisk. The action falls on the call of that number:
 *
 *   eio, enospc, erofs   the call fails and does nothing
 *   short         half of a write is written; with "on", later ones fail as on a full disk
 *   kill          the process ends as by SIGKILL before the call
 *   tear          half of a write is written, and the process ends
 *
 * With "on" later calls fail too. SHIM_TRACE names a file that gets every change in order, from
 * which the state after a loss of power can be made. The call and its record are one step.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum action { NONE, FAIL, SHORT, KILL, TEAR };

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char under[PATH_MAX];
static size_t under_length;
static char rule_op[16], rule_file[PATH_MAX];
static long rule_number;
static enum action rule_action;
static int rule_errno, rule_on;
static long seen;
static int trace = -1;

static void set_up(void) {
  const char *folder = getenv("SHIM_UNDER"), *rule = getenv("SHIM_RULE");
  const char *record = getenv("SHIM_TRACE");
  if (folder == NULL || realpath(folder, under) == NULL) return;
  under_length = strlen(under);
  char action[16] = "", on[8] = "";
  if (rule != NULL && sscanf(rule, "%15[^,],%4095[^,],%ld,%15[^,],%7s", rule_op, rule_file,
                             &rule_number, action, on) >= 4) {
    rule_on = strcmp(on, "on") == 0;
    rule_errno = strcmp(action, "eio") == 0     ? EIO
                 : strcmp(action, "erofs") == 0 ? EROFS
                                                : ENOSPC;
    rule_action = strcmp(action, "kill") == 0    ? KILL
                  : strcmp(action, "tear") == 0  ? TEAR
                  : strcmp(action, "short") == 0 ? SHORT
                                                 : FAIL;
  }
  if (record != NULL) {
    trace = (int)syscall(SYS_openat, AT_FDCWD, record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                         0644);
  }
}

static void lock(void) {
  pthread_once(&once, set_up);
  pthread_mutex_lock(&order);
}

static void unlock(void) {
  int kept = errno;
  pthread_mutex_unlock(&order);
  errno = kept;
}

/* The path below the folder, or nothing if it is elsewhere. */
static const char *inside(const char *path) {
  if (under_length == 0 || strncmp(path, under, under_length) != 0) return NULL;
  if (path[under_length] == '\0') return ".";
  return path[under_length] == '/' ? path + under_length + 1 : NULL;
}

static const char *of_descriptor(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return NULL;
  path[length] = '\0';
  return inside(path);
}

/* Paths are absolute here, since the harness gives an absolute data directory. */
static const char *of_path(const char *path) { return path[0] == '/' ? inside(path) : NULL; }

static void record(char op, const char *file, uint64_t offset, const void *data, size_t length) {
  if (trace < 0) return;
  uint32_t name = (uint32_t)strlen(file);
  uint64_t bytes = length;
  char head[21];
  head[0] = op;
  memcpy(head + 1, &name, 4);
  memcpy(head + 5, &offset, 8);
  memcpy(head + 13, &bytes, 8);
  struct iovec parts[3] = {{head, sizeof head}, {(void *)file, name}, {(void *)data, length}};
  if (syscall(SYS_writev, trace, parts, 3) < 0) abort();
}

static enum action due(const char *op, const char *file) {
  if (rule_action == NONE || strcmp(op, rule_op) != 0) return NONE;
  int is_it = rule_file[0] == '*' ? strstr(file, rule_file + 1) != NULL
                                  : strcmp(file, rule_file) == 0;
  if (!is_it) return NONE;
  seen += 1;
  if (seen == rule_number) return rule_action;
  if (seen < rule_number || !rule_on) return NONE;
  return FAIL;
}

static void end(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

typedef ssize_t (*pwrite_call)(int, const void *, size_t, off64_t);

static ssize_t put(int fd, const void *data, size_t length, off64_t at) {
  static pwrite_call real;
  if (real == NULL) real = (pwrite_call)dlsym(RTLD_NEXT, "pwrite64");
  return at < 0 ? syscall(SYS_write, fd, data, length) : real(fd, data, length, at);
}

/* Writes at an offset, or where the descriptor stands if that is negative. */
static ssize_t any_write(int fd, const void *data, size_t length, off64_t at) {
  char path[PATH_MAX];
  pthread_once(&once, set_up);
  const char *file = under_length == 0 ? NULL : of_descriptor(fd, path);
  if (file == NULL) return put(fd, data, length, at);
  lock();
  off64_t place = at;
  if (at < 0) {
    struct stat status;
    int appends = fcntl(fd, F_GETFL) & O_APPEND;
    place = appends && fstat(fd, &status) == 0 ? status.st_size : lseek64(fd, 0, SEEK_CUR);
  }
  enum action action = due("write", file);
  if (action == KILL) end();
  ssize_t done;
  if (action == FAIL) {
    errno = seen > rule_number && rule_action == SHORT ? ENOSPC : rule_errno;
    done = -1;
  } else {
    size_t part = (action == SHORT || action == TEAR) && length > 1 ? length / 2 : length;
    done = put(fd, data, part, at);
    if (done > 0) record('W', file, (uint64_t)place, data, (size_t)done);
    if (action == TEAR) end();
  }
  unlock();
  return done;
}

ssize_t write(int fd, const void *data, size_t length) { return any_write(fd, data, length, -1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
  return any_write(fd, data, length, at);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
  return any_write(fd, data, length, at);
}

static int any_truncate(int fd, off64_t size) {
  static int (*real)(int, off64_t);
  if (real == NULL) real = (int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64");
  char path[PATH_MAX];
  lock();
  const char *file = of_descriptor(fd, path);
  int answer = 0;
  if (file != NULL) {
    enum action action = due("truncate", file);
    if (action == KILL || action == TEAR) end();
    if (action != NONE) {
      errno = rule_errno;
      answer = -1;
    }
  }
  if (answer == 0) answer = real(fd, size);
  if (answer == 0 && file != NULL) record('T', file, (uint64_t)size, "", 0);
  unlock();
  return answer;
}

int ftruncate(int fd, off_t size) { return any_truncate(fd, size); }
int ftruncate64(int fd, off64_t size) { return any_truncate(fd, size); }

static int any_sync(int fd, const char *name) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  char path[PATH_MAX];
  lock();
  const char *file = of_descriptor(fd, path);
  if (file == NULL) {
    unlock();
    return real(fd);
  }
  struct stat status;
  int folder = fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
  enum action action = due("sync", file);
  if (action == KILL || action == TEAR) end();
  int answer;
  if (action != NONE) {
    record('F', file, 0, "", 0);
    errno = rule_errno;
    answer = -1;
  } else {
    answer = real(fd);
    if (answer == 0) record(folder ? 'D' : 'S', file, 0, "", 0);
  }
  unlock();
  return answer;
}

int fsync(int fd) { return any_sync(fd, "fsync"); }
int fdatasync(int fd) { return any_sync(fd, "fdatasync"); }

static int any_open(const char *name, const char *path, int flags, mode_t mode) {
  int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
  if ((flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) == 0) return real(path, flags, mode);
  lock();
  const char *file = of_path(path);
  if (file != NULL && due("open", file) != NONE) {
    errno = rule_errno;
    unlock();
    return -1;
  }
  struct stat status;
  int there = file != NULL && stat(path, &status) == 0;
  int fd = real(path, flags, mode);
  if (fd >= 0 && file != NULL) {
    if (!there && flags & O_CREAT) record('C', file, 0, "", 0);
    else if (flags & O_TRUNC) record('T', file, 0, "", 0);
  }
  unlock();
  return fd;
}

#define OPEN(name)                                       \
  int name(const char *path, int flags, ...) {           \
    mode_t mode = 0;                                     \
    if (flags & O_CREAT) {                               \
      va_list more;                                      \
      va_start(more, flags);                             \
      mode = va_arg(more, mode_t);                       \
      va_end(more);                                      \
    }                                                    \
    return any_open(#name, path, flags, mode);           \
  }
OPEN(open)
OPEN(open64)

int rename(const char *from, const char *to) {
  int (*real)(const char *, const char *) =
      (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
  lock();
  int answer = real(from, to);
  const char *old = of_path(from), *new = of_path(to);
  if (answer == 0 && old != NULL && new != NULL) record('R', old, 0, new, strlen(new));
  unlock();
  return answer;
}

int unlink(const char *path) {
  int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
  lock();
  int answer = real(path);
  const char *file = of_path(path);
  if (answer == 0 && file != NULL) record('U', file, 0, "", 0);
  unlock();
  return answer;
}
