/* May this machine be driven? A stored machine is input: its steps must name kinds that this pawl has, and
 * say of them what is so. */
#ifndef PAWL_ENGINE_RUNNABLE_H
#define PAWL_ENGINE_RUNNABLE_H

#include "engine/machine.h"

/* 0, or ERROR_STORE_CORRUPT with the step. */
int machine_check_kinds(const struct machine *machine, struct error *error);

#endif
