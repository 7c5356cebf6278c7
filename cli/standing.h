/* How a run stands now, read from the store: what `status` shows, and what a second `submit` of a key leaves
 * with. */
#ifndef PAWL_CLI_STANDING_H
#define PAWL_CLI_STANDING_H

#include <jansson.h>

#include "base/text.h"
#include "state/store.h"

struct standing {
    json_t *run;    /* as docs/pawl.1 (JSON) has it, with "steps", "began", "reason" and "recorded" */
    char *actor;    /* who submitted */
    char *lock;     /* that it holds, or waits for; NULL: none */
    int64_t holder; /* the run that holds it, where this one waits for it; 0: none does */
    char *driver;   /* "4711 on bastion"; NULL: none is there */
    bool program;   /* nobody drives it, and the program of its step goes on */
    char *advice;   /* what a person can do about its failure or its question; NULL: nothing */
    int64_t ran_ms; /* from the first claim to the end; -1: it has not ended, or was never driven */
};

/* standing_clear() it, also where this fails. */
int standing_read(struct store *store, int64_t run, struct standing *standing, struct error *error);
void standing_clear(struct standing *standing);
/* The status that is shown: "interrupted" where nobody drives it. */
const char *standing_status(const struct standing *standing);
/* What is to be done next and why, in lines for people; nothing where it goes on, or has succeeded. */
void standing_say_next(const struct standing *standing, struct text *out);
/* Whether it goes on only once somebody drives it, and nobody does. */
bool standing_lacks_driver(const struct standing *standing);
/* The exit status that it stands for: 130 where nobody drives it, -1 where it goes on by itself or has not
 * been driven yet. */
int standing_exit_status(const struct standing *standing);

#endif
