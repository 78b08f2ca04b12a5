/* Inside the head. */
#ifndef SKIFF_HEAD_H
#define SKIFF_HEAD_H

#include <sys/types.h>

/* A new process with clone3's `flags`, born into the v2 control group whose directory `group` is
 * open, if that is not -1. To move there later would make every fork of the machine wait for a
 * grace period (cgroup_threadgroup_rwsem). Where the kernel cannot (before 5.7), *born_inside is 0
 * and the process is where its parent is. */
pid_t clone_into(unsigned long flags, int group, int* born_inside);

/* Moves the calling process into the group. 0, or -1 and errno. */
int join_group(int group);

/* Whether this process was born into its control group, so that the step "join" has nothing to do.
 */
extern int in_group;

/* Executes the steps of the script file, the last of which is execve. Returns only on failure,
 * after writing what failed, and why, to the descriptor `report`. */
void run_script(const char* path, int report);

/* Starts the process that holds a pid namespace, and makes it that of the caller's later children.
 * `dir`: any directory. -1 if it cannot. */
pid_t start_pause(const char* dir);

/* Makes this process's command line, which names paths of the machine, "pause". */
void forget_words(void);

/* Prints `what` with errno's text to standard error and ends the process. */
void die(const char* what);

#endif
