#include "simulation/coroutine.h"

#include <stdlib.h>

#include "base/memory.h"
#include "simulation/simulation.h"

#define STACK_BYTES (192 * 1024)

/* AddressSanitizer must be told of each change of stacks. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/common_interface_defs.h>
#define LEAVE(fake, bytes, size)  __sanitizer_start_switch_fiber(fake, bytes, size)
#define ARRIVE(fake, bytes, size) __sanitizer_finish_switch_fiber(fake, bytes, size)
#endif
#endif
#ifndef LEAVE
#define LEAVE(fake, bytes, size)  ((void)(fake), (void)(bytes), (void)(size))
#define ARRIVE(fake, bytes, size) ((void)(fake), (void)(bytes), (void)(size))
#endif

struct coroutine_stack {
    char *bytes;
    struct coroutine_stack *next;
};

static struct coroutine *inside;
static struct coroutine_stack *spare;
static ucontext_t outside;
static const void *outside_bytes; /* the stack that everything else runs on */
static size_t outside_size;

struct coroutine *coroutine_inside(void)
{
    return inside;
}

static void leave(struct coroutine *coroutine)
{
    void **keeps = coroutine->state == COROUTINE_ENDED ? NULL : &coroutine->fake_stack;
    LEAVE(keeps, outside_bytes, outside_size);
    swapcontext(&coroutine->registers, &outside);
    ARRIVE(coroutine->fake_stack, &outside_bytes, &outside_size);
}

static void enter(void)
{
    ARRIVE(NULL, &outside_bytes, &outside_size);
    inside->run(inside->context);
    inside->state = COROUTINE_ENDED;
    leave(inside);
}

static void begin(struct coroutine *coroutine)
{
    if (!spare) {
        spare = memory_new(sizeof *spare);
        spare->bytes = memory_new(STACK_BYTES);
    }
    coroutine->stack = spare;
    spare = spare->next;
    coroutine->state = COROUTINE_OUT;
    getcontext(&coroutine->registers);
    coroutine->registers.uc_stack.ss_sp = coroutine->stack->bytes;
    coroutine->registers.uc_stack.ss_size = STACK_BYTES;
    coroutine->registers.uc_link = NULL;
    makecontext(&coroutine->registers, enter, 0);
}

void coroutine_go_on(struct coroutine *coroutine)
{
    void *fake_stack = NULL;
    if (coroutine->state == COROUTINE_NEW)
        begin(coroutine);
    inside = coroutine;
    LEAVE(&fake_stack, coroutine->stack->bytes, STACK_BYTES);
    swapcontext(&outside, &coroutine->registers);
    ARRIVE(fake_stack, NULL, NULL);
    inside = NULL;
    if (coroutine->state != COROUTINE_ENDED)
        return;
    coroutine->stack->next = spare;
    spare = coroutine->stack;
    coroutine->stack = NULL;
}

void held_up(int64_t for_ms)
{
    if (!inside || *inside->dead)
        return;
    inside->at_ms = simulation.now_ms + for_ms;
    leave(inside);
}
