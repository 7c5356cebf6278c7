/* The commands' functions, one file for each group; the table is commands.c. Each returns the exit status. */
#ifndef PAWL_CLI_COMMANDS_H
#define PAWL_CLI_COMMANDS_H

#include "cli/command.h"

extern const struct option_declaration PLAN_OPTIONS[], SUBMIT_OPTIONS[], RESUME_OPTIONS[], REASON_OPTIONS[],
    ROLLBACK_OPTIONS[], RESOLVE_OPTIONS[], LIST_OPTIONS[], STATUS_OPTIONS[], LOGS_OPTIONS[],
    AUDIT_VERIFY_OPTIONS[], REHEARSE_OPTIONS[];

/* What `list --status` takes, ended by NULL. */
extern const char *const RUN_STATUSES[];

int command_validate(struct invocation *invocation); /* validate.c */
int command_plan(struct invocation *invocation);     /* plan.c */
int command_rehearse(struct invocation *invocation); /* rehearse/rehearse.c */
int command_submit(struct invocation *invocation);   /* submit.c */
int command_resume(struct invocation *invocation);   /* resume.c */
int command_approve(struct invocation *invocation);  /* control.c */
int command_reject(struct invocation *invocation);
int command_resolve(struct invocation *invocation);
int command_pause(struct invocation *invocation);
int command_cancel(struct invocation *invocation);
int command_rollback(struct invocation *invocation);
int command_list(struct invocation *invocation);         /* list.c */
int command_status(struct invocation *invocation);       /* status.c */
int command_history(struct invocation *invocation);      /* history.c */
int command_logs(struct invocation *invocation);         /* logs.c */
int command_audit_verify(struct invocation *invocation); /* audit.c */
int command_audit_export(struct invocation *invocation);
int command_audit_rebuild(struct invocation *invocation);
int command_eval(struct invocation *invocation);       /* eval.c */
int command_steps(struct invocation *invocation);      /* kinds.c */
int command_schema(struct invocation *invocation);     /* schema.c */
int command_help(struct invocation *invocation);       /* help.c */
int command_version(struct invocation *invocation);    /* version.c */
int command_completion(struct invocation *invocation); /* completion.c */

#endif
