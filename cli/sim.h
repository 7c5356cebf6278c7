/* `pawl sim init|show|fault FILE`: make a simulated cluster, look into it, script a fault into it; and the
 * hidden `pawl sim-helm FILE ARGUMENTS…`, the helm of a simulated cluster. */
#ifndef PAWL_CLI_SIM_H
#define PAWL_CLI_SIM_H

#include "cli/command.h"

extern const struct option_declaration SIM_INIT_OPTIONS[];

int command_sim_init(struct invocation *invocation);
int command_sim_show(struct invocation *invocation);
int command_sim_fault(struct invocation *invocation);
/* What can be scripted, for the help. */
void sim_fault_kinds_print(void);

/* `arguments[0]` is the FILE; returns the exit status. */
int sim_helm_command(int argument_count, char **arguments);

#endif
