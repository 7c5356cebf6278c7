/* What runs by pieces on this one thread: bodies of drivers (loop.c), programs under a keeper
 * (shipped_helm.c). It goes on until it is held up at a call that leaves it; who goes on next is the seed's
 * choice. */
#ifndef PAWL_TESTS_SIMULATION_COROUTINE_H
#define PAWL_TESTS_SIMULATION_COROUTINE_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

struct coroutine_stack;

/* The caller's; nothing of it moves while it is out. */
struct coroutine {
    void (*run)(void *context);
    void *context;
    const bool *dead; /* once it is, it is held up no more: it only gives back what it holds */
    enum { COROUTINE_NEW, COROUTINE_OUT, COROUTINE_ENDED } state;
    int64_t at_ms; /* when it goes on */
    ucontext_t registers;
    struct coroutine_stack *stack;
    void *fake_stack; /* AddressSanitizer's */
};

/* Lets it go on until it is held up or ends. */
void coroutine_go_on(struct coroutine *coroutine);
/* The one that goes on now; NULL: none. */
struct coroutine *coroutine_inside(void);
/* Within one: it goes on in so long, others first. Outside of all, or where it is dead: nothing. */
void held_up(int64_t for_ms);

#endif
