/* Who acts: $PAWL_ACTOR, else the login name and host. The real uid is recorded beside it. */
#ifndef PAWL_CLI_ACTOR_H
#define PAWL_CLI_ACTOR_H

/* "ops@bastion"; free() it. */
char *actor_read(void);

#endif
