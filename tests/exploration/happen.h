/* What may happen next in a moment, and making it happen: one table, one row for each answer, fault and word.
 */
#ifndef PAWL_TESTS_EXPLORATION_HAPPEN_H
#define PAWL_TESTS_EXPLORATION_HAPPEN_H

#include "exploration/moment.h"

/* What a thing that happens says about whether the run gets on by itself. */
enum happen_kind {
    HAPPEN_ON,    /* an answer that settles something, a timer: these cannot go on for ever */
    HAPPEN_AGAIN, /* "not yet", "don't know": the world may say so for as long as it likes */
    HAPPEN_WORD,  /* a person's */
    HAPPEN_FAULT,
};

int happen_count(void);
const char *happen_name(int row);
bool happen_may(const struct moment *moment, int row);
void happen_make(struct moment *moment, int row, struct happening *happening);
/* Of a row in this moment. */
enum happen_kind happen_kind_of(const struct moment *moment, int row);

/* The run has ended, or waits for a person. */
bool moment_rests(const struct moment *moment);

#endif
