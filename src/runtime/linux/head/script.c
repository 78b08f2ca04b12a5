/* What a container's process does to itself before it becomes the container's program: steps that
 * the manager wrote down, each a few system calls. The file is a sequence of steps; a step is the
 * count of its words (u32), then each word's length (u32), bytes and a zero byte. Numbers are in
 * host order: the file never leaves the machine. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "head.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000 /* linux/fcntl.h, which glibc's own fcntl.h cannot be combined with */
#endif

enum { kMaxWords = 4096, kMaxTrees = 128 };

struct step {
  char* words[kMaxWords + 1];
  uint32_t sizes[kMaxWords];
  int count;
};

static char* argv_words[kMaxWords + 1];
static int argv_count;
static char* env_words[kMaxWords + 1];
static int env_count;
static int trees[kMaxTrees];
static int is_directory[kMaxTrees];
static int group = -1;
static char problem[1024];

static int fail(const char* what) {
  if (problem[0] == '\0') snprintf(problem, sizeof problem, "%s: %s", what, strerror(errno));
  return -1;
}

static int say(const char* text) {
  snprintf(problem, sizeof problem, "%s", text);
  return -1;
}

static int write_text(const char* path, const char* text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fail(path);
  ssize_t n = write(fd, text, strlen(text));
  int saved = errno;
  close(fd);
  errno = saved;
  return n < 0 ? fail(path) : 0;
}

/* Every directory on the way to `path`, as mkdir -p; `path` itself if `leaf`. */
static int make_directories(const char* path, int leaf) {
  char copy[PATH_MAX];
  if (strlen(path) >= sizeof copy) return say("a path is too long");
  strcpy(copy, path);
  for (char* at = copy + 1; *at != '\0'; ++at) {
    if (*at != '/') continue;
    *at = '\0';
    if (mkdir(copy, 0755) != 0 && errno != EEXIST) return fail(copy);
    *at = '/';
  }
  if (leaf && mkdir(copy, 0755) != 0 && errno != EEXIST) return fail(copy);
  return 0;
}

/* mount SOURCE TARGET TYPE FLAGS DATA: TARGET is made if missing. */
static int do_mount(char** w) {
  if (make_directories(w[1], 1) != 0) return -1;
  if (mount(w[0], w[1], w[2], strtoul(w[3], NULL, 10), w[4]) != 0) return fail(w[1]);
  return 0;
}

/* tree SLOT SOURCE RECURSIVE: remembers a copy of a mount tree from before the root changed. */
static int do_tree(char** w) {
  int slot = atoi(w[0]);
  struct stat info;
  if (slot < 0 || slot >= kMaxTrees) return say("too many mounts in one container");
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  if (w[2][0] == '1') flags |= AT_RECURSIVE;
  if (stat(w[1], &info) != 0) return fail(w[1]);
  trees[slot] = (int)syscall(SYS_open_tree, AT_FDCWD, w[1], flags);
  if (trees[slot] < 0) return fail(w[1]);
  is_directory[slot] = S_ISDIR(info.st_mode);
  return 0;
}

/* attach SLOT TARGET READ_ONLY PROPAGATION: puts it into the new root, where every name, and every
 * link on the way, is the container's own. */
static int do_attach(char** w) {
  int slot = atoi(w[0]);
  if (make_directories(w[1], is_directory[slot]) != 0) return -1;
  if (!is_directory[slot]) {
    int fd = open(w[1], O_CREAT | O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd >= 0) close(fd);
  }
  if (syscall(SYS_move_mount, trees[slot], "", AT_FDCWD, w[1], MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return fail(w[1]);
  }
  close(trees[slot]);
  unsigned long propagation = w[3][0] == '1' ? MS_SLAVE : MS_PRIVATE;
  if (mount(NULL, w[1], NULL, propagation | MS_REC, NULL) != 0) return fail(w[1]);
  if (w[2][0] == '1') {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (syscall(SYS_mount_setattr, AT_FDCWD, w[1], AT_RECURSIVE, &attributes, sizeof attributes) !=
        0) {
      return fail(w[1]);
    }
  }
  return 0;
}

/* pivot ROOT: the mount at ROOT becomes /, and what was / is gone. */
static int do_pivot(char** w) {
  if (chdir(w[0]) != 0) return fail(w[0]);
  if (syscall(SYS_pivot_root, ".", ".") != 0) return fail("pivot_root");
  if (umount2(".", MNT_DETACH) != 0) return fail("umount the old root");
  if (chdir("/") != 0) return fail("/");
  return 0;
}

/* device PATH MAJOR-MINOR MODE */
static int do_device(char** w) {
  if (mknod(w[0], S_IFCHR | 0666, (dev_t)strtoul(w[1], NULL, 10)) != 0) return fail(w[0]);
  if (chmod(w[0], 0666) != 0) return fail(w[0]);
  return 0;
}

/* One entry of the machine's /dev, in /dev. What is open in `from` is still the machine's. */
static int copy_device(int from, const char* name) {
  char path[PATH_MAX];
  char target[PATH_MAX];
  struct stat info;
  snprintf(path, sizeof path, "/dev/%s", name);
  if (fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return 0; /* Gone since. */
  if (S_ISLNK(info.st_mode)) {
    ssize_t n = readlinkat(from, name, target, sizeof target - 1);
    if (n < 0) return 0;
    target[n] = '\0';
    return symlink(target, path) != 0 ? fail(path) : 0;
  }
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) {
    if (mknod(path, info.st_mode, info.st_rdev) != 0) return fail(path);
    if (chown(path, info.st_uid, info.st_gid) != 0) return fail(path);
    return chmod(path, info.st_mode & 07777) != 0 ? fail(path) : 0;
  }
  int made = S_ISDIR(info.st_mode) ? mkdir(path, 0755) : mknod(path, S_IFREG | 0600, 0);
  if (made != 0) return fail(path);
  int tree =
      (int)syscall(SYS_open_tree, from, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0) return fail(path);
  int moved = (int)syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
  close(tree);
  return moved != 0 ? fail(path) : 0;
}

/* own-dev: a /dev of this namespace's own that has what the machine's has. */
static int do_own_dev(void) {
  int from = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (from < 0) return fail("/dev");
  if (mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=4m") != 0) {
    return fail("/dev");
  }
  DIR* entries = fdopendir(dup(from));
  int result = entries == NULL ? fail("/dev") : 0;
  struct dirent* entry;
  while (result == 0 && (entry = readdir(entries)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    result = copy_device(from, entry->d_name);
  }
  if (entries != NULL) closedir(entries);
  close(from);
  return result;
}

/* mask PATH: hides it, if it exists: a directory under an empty read-only tmpfs, a file under
 * /dev/null. */
static int do_mask(char** w) {
  struct stat info;
  if (lstat(w[0], &info) != 0) return 0;
  int result = S_ISDIR(info.st_mode)
                   ? mount("tmpfs", w[0], "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=0k")
                   : mount("/dev/null", w[0], NULL, MS_BIND, NULL);
  return result != 0 ? fail(w[0]) : 0;
}

/* readonly PATH: as it is, but read-only, if it exists. */
static int do_readonly(char** w) {
  struct stat info;
  if (lstat(w[0], &info) != 0) return 0;
  if (mount(w[0], w[0], NULL, MS_BIND | MS_REC, NULL) != 0) return fail(w[0]);
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
  if (syscall(SYS_mount_setattr, AT_FDCWD, w[0], AT_RECURSIVE, &attributes, sizeof attributes) !=
      0) {
    return fail(w[0]);
  }
  return 0;
}

/* caps BOUNDING EFFECTIVE (masks): drops what is not in them from every set. Before the user
 * changes. */
static int do_bounding(char** w) {
  unsigned long long bounding = strtoull(w[0], NULL, 10);
  for (int cap = 0; cap < 64; ++cap) {
    if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) < 0) break;
    if ((bounding >> cap & 1) == 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) {
      return fail("drop a capability");
    }
  }
  return 0;
}

static int do_capabilities(char** w) {
  unsigned long long mask = strtoull(w[0], NULL, 10);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  for (int i = 0; i < 2; ++i) {
    uint32_t half = (uint32_t)(mask >> (32 * i));
    data[i].effective = data[i].permitted = half;
    data[i].inheritable = 0;
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (syscall(SYS_capset, &header, data) != 0) return fail("capabilities");
  return 0;
}

/* user UID GID GROUP… */
static int do_user(char** w, int count) {
  gid_t groups[256];
  int n = 0;
  for (int i = 2; i < count && n < 256; ++i) groups[n++] = (gid_t)strtoul(w[i], NULL, 10);
  uid_t uid = (uid_t)strtoul(w[0], NULL, 10);
  gid_t gid = (gid_t)strtoul(w[1], NULL, 10);
  /* Programs open /dev/stdout and /dev/stderr by name: as pipes they must be their own. */
  for (int fd = 0; fd <= 2; ++fd) {
    struct stat info;
    if (fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode) && fchown(fd, uid, info.st_gid) != 0) {
      return fail("standard streams");
    }
  }
  /* Capabilities are kept across the change of user, and then set to exactly what is wanted. */
  prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (setgroups((size_t)n, groups) != 0) return fail("supplementary groups");
  if (setresgid(gid, gid, gid) != 0) return fail("group");
  if (setresuid(uid, uid, uid) != 0) return fail("user");
  return 0;
}

/* seccomp FILTER: an array of struct sock_filter. */
static int do_seccomp(char* bytes, uint32_t size) {
  struct sock_fprog program = {.len = (unsigned short)(size / sizeof(struct sock_filter)),
                               .filter = (struct sock_filter*)(void*)bytes};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return fail("seccomp");
  return 0;
}

/* setns PATH */
static int do_setns(char** w) {
  int fd = open(w[0], O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(w[0]);
  int result = setns(fd, 0);
  close(fd);
  return result != 0 ? fail(w[0]) : 0;
}

/* join DIR: this process goes into the v2 control group, unless it was born there. */
static int do_join(char** w) {
  if (in_group) return 0;
  int fd = open(w[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || join_group(fd) != 0) return fail(w[0]);
  close(fd);
  return 0;
}

/* group DIR: remembers the v2 control group for the process that "fork" makes, when this name
 * cannot be seen any more. */
static int do_group(char** w) {
  group = open(w[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return group < 0 ? fail(w[0]) : 0;
}

/* fork: the child goes on; the parent waits and ends as it does. After setns into a pid namespace.
 */
static int do_fork(void) {
  pid_t pid = clone_into(0, group, &in_group);
  if (pid < 0) return fail("fork");
  if (pid == 0 && !in_group && group >= 0 && join_group(group) != 0) return fail("control group");
  if (pid == 0) return prctl(PR_SET_PDEATHSIG, SIGKILL);
  int status;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* Errors of exec are worded as every container runtime words them. */
static const char* exec_error(void) {
  switch (errno) {
    case ENOENT:
      return "no such file or directory";
    case EACCES:
      return "permission denied";
    case ENOEXEC:
      return "exec format error";
    case ENOTDIR:
      return "not a directory";
    case E2BIG:
      return "argument list too long";
    default:
      return strerror(errno);
  }
}

static int fail_cwd(const char* path) {
  snprintf(problem, sizeof problem, "chdir to workingDir \"%s\": %s", path, exec_error());
  return -1;
}

static const char* env_value(const char* name) {
  size_t size = strlen(name);
  for (int i = 0; i < env_count; ++i) {
    if (strncmp(env_words[i], name, size) == 0 && env_words[i][size] == '=') {
      return env_words[i] + size + 1;
    }
  }
  return NULL;
}

/* exec: argv[0] is looked up in the container's own PATH, as a shell would. */
static int do_exec(void) {
  argv_words[argv_count] = NULL;
  env_words[env_count] = NULL;
  if (argv_count == 0) return say("no command specified");
  const char* program = argv_words[0];
  if (strchr(program, '/') != NULL) {
    execve(program, argv_words, env_words);
    snprintf(problem, sizeof problem, "exec: \"%s\": %s", program, exec_error());
    return -1;
  }
  const char* path = env_value("PATH");
  if (path == NULL) path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  int denied = 0;
  while (*path != '\0') {
    size_t size = strcspn(path, ":");
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%.*s/%s", size == 0 ? 1 : (int)size, size == 0 ? "." : path,
             program);
    execve(full, argv_words, env_words);
    if (errno == EACCES) denied = 1;
    path += size;
    if (*path == ':') ++path;
  }
  snprintf(problem, sizeof problem, "exec: \"%s\": %s", program,
           denied ? "permission denied" : "executable file not found in $PATH");
  return -1;
}

/* remount-ro PATH: the mount at PATH itself, nothing below it. */
static int do_remount_ro(char** w) {
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
  if (syscall(SYS_mount_setattr, AT_FDCWD, w[0], 0, &attributes, sizeof attributes) != 0) {
    return fail(w[0]);
  }
  return 0;
}

/* limit RESOURCE SOFT HARD */
static int do_limit(char** w) {
  struct rlimit limit = {strtoull(w[1], NULL, 10), strtoull(w[2], NULL, 10)};
  /* Without CAP_SYS_RESOURCE a hard limit cannot be raised: what there is must do. */
  setrlimit(atoi(w[0]), &limit);
  return 0;
}

static int execute(struct step* s) {
  char** w = s->words + 1;
  const char* op = s->words[0];
  int n = s->count - 1;
  if (strcmp(op, "arg") == 0 && n == 1) {
    if (argv_count >= kMaxWords) return say("too many arguments");
    argv_words[argv_count++] = w[0];
    return 0;
  }
  if (strcmp(op, "env") == 0 && n == 1) {
    if (env_count >= kMaxWords) return say("too many environment variables");
    env_words[env_count++] = w[0];
    return 0;
  }
  if (strcmp(op, "write") == 0 && n == 2) return write_text(w[0], w[1]);
  if (strcmp(op, "trywrite") == 0 && n == 2) return write_text(w[0], w[1]), problem[0] = '\0', 0;
  if (strcmp(op, "unshare") == 0 && n == 1) {
    return unshare((int)strtoul(w[0], NULL, 10)) != 0 ? fail("unshare") : 0;
  }
  if (strcmp(op, "slave") == 0 && n == 0) {
    return mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) != 0 ? fail("/") : 0;
  }
  if (strcmp(op, "mount") == 0 && n == 5) return do_mount(w);
  if (strcmp(op, "tree") == 0 && n == 3) return do_tree(w);
  if (strcmp(op, "attach") == 0 && n == 4) return do_attach(w);
  if (strcmp(op, "pivot") == 0 && n == 1) return do_pivot(w);
  if (strcmp(op, "mkdir") == 0 && n == 1) return make_directories(w[0], 1);
  if (strcmp(op, "symlink") == 0 && n == 2) {
    return symlink(w[0], w[1]) != 0 && errno != EEXIST ? fail(w[1]) : 0;
  }
  if (strcmp(op, "device") == 0 && n == 2) return do_device(w);
  if (strcmp(op, "own-dev") == 0 && n == 0) return do_own_dev();
  if (strcmp(op, "mask") == 0 && n == 1) return do_mask(w);
  if (strcmp(op, "readonly") == 0 && n == 1) return do_readonly(w);
  if (strcmp(op, "remount-ro") == 0 && n == 1) return do_remount_ro(w);
  if (strcmp(op, "limit") == 0 && n == 3) return do_limit(w);
  if (strcmp(op, "bounding") == 0 && n == 1) return do_bounding(w);
  if (strcmp(op, "caps") == 0 && n == 1) return do_capabilities(w);
  if (strcmp(op, "user") == 0 && n >= 2) return do_user(w, n);
  if (strcmp(op, "nonewprivs") == 0 && n == 0) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? fail("no_new_privs") : 0;
  }
  if (strcmp(op, "seccomp") == 0 && n == 1) return do_seccomp(w[0], s->sizes[1]);
  if (strcmp(op, "deathsig") == 0 && n == 0) {
    return prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ? fail("parent death signal") : 0;
  }
  if (strcmp(op, "setns") == 0 && n == 1) return do_setns(w);
  if (strcmp(op, "join") == 0 && n == 1) return do_join(w);
  if (strcmp(op, "group") == 0 && n == 1) return do_group(w);
  if (strcmp(op, "fork") == 0 && n == 0) return do_fork();
  if (strcmp(op, "cwd") == 0 && n == 1) {
    if (chdir(w[0]) == 0) return 0;
    if (errno != ENOENT) return fail_cwd(w[0]);
    return make_directories(w[0], 1) != 0 || chdir(w[0]) != 0 ? fail_cwd(w[0]) : 0;
  }
  if (strcmp(op, "cd") == 0 && n == 1) return chdir(w[0]) != 0 ? fail_cwd(w[0]) : 0;
  if (strcmp(op, "exec") == 0 && n == 0) return do_exec();
  return say("a step that this head does not know");
}

/* The whole file, in memory that is never freed: execve takes care of it. */
static char* read_all(const char* path, size_t* size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0) return NULL;
  char* bytes = malloc((size_t)info.st_size + 1);
  *size = 0;
  while (bytes != NULL && *size < (size_t)info.st_size) {
    ssize_t n = read(fd, bytes + *size, (size_t)info.st_size - *size);
    if (n <= 0) return NULL;
    *size += (size_t)n;
  }
  close(fd);
  return bytes;
}

void run_script(const char* path, int report) {
  size_t size = 0;
  static struct step s;
  char* bytes = read_all(path, &size);
  size_t at = 0;
  int result = bytes == NULL ? fail(path) : 0;
  while (result == 0 && at + 4 <= size) {
    uint32_t count;
    memcpy(&count, bytes + at, 4);
    at += 4;
    if (count == 0 || count > kMaxWords) {
      result = say("the script is damaged");
      break;
    }
    s.count = (int)count;
    for (uint32_t i = 0; i < count; ++i) {
      memcpy(&s.sizes[i], bytes + at, 4);
      s.words[i] = bytes + at + 4;
      at += 4 + (size_t)s.sizes[i] + 1;
    }
    result = execute(&s);
  }
  ssize_t ignored = write(report, problem, strlen(problem));
  (void)ignored;
}
