/* `pawl sim init|show|fault FILE`: make a simulated cluster, look into it, script a fault into it; and the
 * hidden `pawl sim-helm FILE ARGUMENTS…`, the helm of a simulated cluster. */
#ifndef PAWL_CLI_SIM_H
#define PAWL_CLI_SIM_H

/* `arguments[0]` is the subcommand ("init"); returns the exit status. */
int sim_command(int argument_count, char **arguments);
/* `arguments[0]` is the FILE. */
int sim_helm_command(int argument_count, char **arguments);

#endif
