/* Inside the head. */
#ifndef SKIFF_HEAD_H
#define SKIFF_HEAD_H

#include <sys/types.h>

/* Executes the steps of the script file, the last of which is execve. Returns only on failure,
 * after writing what failed, and why, to the descriptor `report`. */
void run_script(const char* path, int report);

/* Starts the process that holds a pid namespace, and makes it that of the caller's later children.
 * `dir`: any directory. -1 if it cannot. */
pid_t start_pause(const char* dir);

/* Prints `what` with errno's text to standard error and ends the process. */
void die(const char* what);

#endif
