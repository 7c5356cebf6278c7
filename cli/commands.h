/* The commands' functions, one file for each group; the table is commands.c. Each returns the exit status. */
#ifndef PAWL_CLI_COMMANDS_H
#define PAWL_CLI_COMMANDS_H

#include "cli/command.h"

int command_eval(struct invocation *invocation);    /* eval.c */
int command_version(struct invocation *invocation); /* version.c */

#endif
