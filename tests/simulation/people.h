/* Those who use pawl: people who say something at random moments, and the operator who resumes. */
#ifndef PAWL_TESTS_SIMULATION_PEOPLE_H
#define PAWL_TESTS_SIMULATION_PEOPLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

void people_begin(void);
void people_end(void);
/* Somebody says something about a run. */
void people_say(int64_t run, int64_t number);
/* When the operator looks next. */
int64_t people_next_ms(void);
/* The operator looks at all runs. False: all is settled, the history ends. */
bool people_look(void);
/* How the runs stand, for a message. */
const char *people_standing(void);

/* history.c: a process that drives a run: pawl resume. `body` is stolen. 0, or the error's code. */
int process_start(int64_t run, const char *command, json_t *body, bool take_over);
bool run_is_driven(int64_t run);
struct process;
struct process *process_some(int64_t number);

#endif
