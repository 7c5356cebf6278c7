/* The command line: one table of commands (commands.c), each with its options in a table of its own. Parsing,
 * help, the manual page's synopsis and shell completion are read off these tables. */
#ifndef PAWL_CLI_COMMAND_H
#define PAWL_CLI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Exit statuses (docs/pawl.1). Those of errors are in base/error.h. */
#define EXIT_SUCCEEDED   0
#define EXIT_FAILED      1
#define EXIT_USAGE       2
#define EXIT_PERSON      3
#define EXIT_LOCKED      4
#define EXIT_SYSTEM      5
#define EXIT_INTERRUPTED 130 /* 128 + the signal */

struct option_declaration {
    const char *name;     /* without the dashes; NULL ends a list */
    char letter;          /* 0: none */
    const char *argument; /* "PATH"; NULL: a flag */
    const char *help;
};

#define OPTIONS_LIMIT 200 /* given options of one call, -p included */

struct given_option {
    const char *name;
    const char *value; /* NULL: a flag */
};

/* One call of pawl, parsed. Everything is borrowed from argv. */
struct invocation {
    const struct command *command;
    const char **arguments; /* positional */
    int argument_count;
    struct given_option options[OPTIONS_LIMIT];
    int option_count;
    /* global options */
    const char *store, *cluster, *kubeconfig, *context;
    bool json, quiet, colour;
    int64_t wait_ms; /* 0: not given */
};

struct command {
    const char *name;                         /* of a part the whole: "sim init" */
    const char *synopsis;                     /* "JOB [-p name=value]…" */
    const char *summary;                      /* one line */
    const char *help;                         /* paragraphs */
    const struct option_declaration *options; /* NULL: none of its own */
    int least, most;                          /* positional arguments */
    int (*run)(struct invocation *invocation);
    const struct command *parts; /* "sim" is nothing without a word more; ended by a NULL name; NULL: none */
    void (*tell_more)(void);     /* prints what the help lists besides; NULL: nothing */
    bool acts;                   /* its status is what became of the run, also where its output was lost */
    bool hidden;                 /* ours: not in the help */
    bool raw;                    /* takes the words behind its name as they are */
    int (*run_raw)(int argument_count, char **arguments);
};

extern const struct command COMMANDS[];
extern const int COMMAND_COUNT;
extern const struct option_declaration GLOBAL_OPTIONS[];

/* By its whole name, "status" or "sim init"; NULL: none. */
const struct command *command_find(const char *name);
/* The value of an option of the command, the last where it was given twice; NULL: not given. */
const char *invocation_value(const struct invocation *invocation, const char *name);
bool invocation_has(const struct invocation *invocation, const char *name);
/* That --reason is there and says something; else the error names what was typed, with it. */
int invocation_need_reason(const struct invocation *invocation, struct error *error);
/* What the caller calls something: one line that can be shown, at most LIMIT_KEY_BYTES; `what` names it. */
int identifier_check(const char *what, const char *text, struct error *error);
/* NAME=VALUE of an option: free() the name, the value is borrowed. */
int option_split(const struct given_option *option, char **out_name, const char **out_value,
                 struct error *error);
/* A positional argument as a run's number; 0 with the error filled. */
int64_t invocation_run(const struct invocation *invocation, int index, struct error *error);

/* 0, or an exit status with the error reported. */
int invocation_parse(int argument_count, char **arguments, struct invocation *invocation);
void invocation_clear(struct invocation *invocation);

#endif
