/* Inside the head. */
#ifndef SKIFF_HEAD_H
#define SKIFF_HEAD_H

/* Executes the steps of the script file, the last of which is execve. Returns only on failure,
 * after writing what failed, and why, to the descriptor `report`. */
void run_script(const char* path, int report);

/* Prints `what` with errno's text to standard error and ends the process. */
void die(const char* what);

#endif
