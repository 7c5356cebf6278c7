/* In the place of engine/loop.c: the pool is a set of coroutines on this one thread. A body begins a little
 * later than it was handed out, is held up at every call that leaves it, and comes back a little later than
 * it ended; what the others do in between is the seed's choice. */
#include "engine/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <ucontext.h>

#include "base/memory.h"
#include "engine/drive.h"
#include "simulation/simulation.h"

#define STACK_BYTES (192 * 1024)

struct loop {
    struct process *process;
    void (*on_signal)(void *context, int number);
    void *context;
};

struct task {
    struct process *process;
    void (*run)(void *work);
    void (*returned)(void *work);
    void *work;
    enum { TASK_NEW, TASK_OUT, TASK_ENDED } state;
    int64_t at_ms;
    ucontext_t context;
    struct stack *stack;
    struct task *next;
};

struct stack {
    char *bytes;
    struct stack *next;
};

static struct task *tasks; /* oldest first */
static struct task *inside;
static struct stack *stacks;
static ucontext_t outside;

struct loop *loop_new(void (*on_signal)(void *context, int number), void *context)
{
    struct loop *loop = memory_new(sizeof *loop);
    *loop = (struct loop){simulation.current, on_signal, context};
    assert(loop->process);
    return loop;
}

void loop_signal(const struct process *process, int number)
{
    struct driver *driver = process->driver;
    if (driver->signal_count) /* the second time it would leave at once: that is a crash */
        return;
    trace("p%d gets signal %d", process->number, number);
    driver->loop->on_signal(driver->loop->context, number);
    wake(simulation.processes + (process - simulation.processes), 0);
}

void loop_collect(struct loop *loop, int64_t wait_ms)
{
    (void)loop;
    (void)wait_ms;
    abort(); /* history.c waits for all of them */
}

void loop_work(struct loop *loop, void (*run)(void *work), void (*returned)(void *work), void *work)
{
    struct task *task = memory_new(sizeof *task), **at = &tasks;
    *task = (struct task){.process = loop->process, .run = run, .returned = returned, .work = work};
    task->at_ms = simulation.now_ms + chance_below(CHANCE_SCHEDULE, 3);
    loop->process->tasks++;
    while (*at)
        at = &(*at)->next;
    *at = task;
}

/* ---- coroutines ---- */

static void enter(void)
{
    inside->run(inside->work);
    inside->state = TASK_ENDED;
    swapcontext(&inside->context, &outside);
}

static void begin(struct task *task)
{
    if (!stacks) {
        stacks = memory_new(sizeof *stacks);
        stacks->bytes = memory_new(STACK_BYTES);
    }
    task->stack = stacks;
    stacks = stacks->next;
    task->state = TASK_OUT;
    getcontext(&task->context);
    task->context.uc_stack.ss_sp = task->stack->bytes;
    task->context.uc_stack.ss_size = STACK_BYTES;
    task->context.uc_link = NULL;
    makecontext(&task->context, enter, 0);
}

static void go_on(struct task *task)
{
    struct process *before = simulation.current;
    if (task->state == TASK_NEW)
        begin(task);
    simulation.current = task->process;
    inside = task;
    swapcontext(&outside, &task->context);
    inside = NULL;
    simulation.current = before;
    if (task->state == TASK_ENDED) {
        task->stack->next = stacks;
        stacks = task->stack;
        task->stack = NULL;
        bool slowly = simulation.plan->curse == CURSE_LOOKS_VANISH;
        int64_t back_ms = slowly ? chance_below(CHANCE_SCHEDULE, 500) : chance_time_ms(CHANCE_SCHEDULE, 150);
        task->at_ms = simulation.now_ms + back_ms;
    }
}

void held_up(int64_t for_ms)
{
    if (!inside || inside->process->dead)
        return;
    inside->at_ms = simulation.now_ms + for_ms;
    swapcontext(&inside->context, &outside);
}

static void bring_back(struct task *task)
{
    struct task **at = &tasks;
    struct process *before = simulation.current;
    while (*at != task)
        at = &(*at)->next;
    *at = task->next;
    task->process->tasks--;
    simulation.current = task->process;
    task->returned(task->work);
    simulation.current = before;
    wake(task->process, 0);
    free(task);
}

/* Those of a dead process are still unwound, to give back what they hold: nothing of it has an effect. */
void loop_free(struct loop *loop)
{
    for (struct task *task = tasks, *next; task; task = next) {
        next = task->next;
        if (task->process != loop->process)
            continue;
        while (task->state != TASK_ENDED)
            go_on(task);
        bring_back(task);
    }
    free(loop);
}

static struct task *next_task(void)
{
    struct task *first = NULL;
    for (struct task *task = tasks; task; task = task->next) {
        if (task->process->dead)
            continue;
        if (task->at_ms < task->process->stuck_ms)
            task->at_ms = task->process->stuck_ms;
        if (!first || task->at_ms < first->at_ms)
            first = task;
    }
    return first;
}

int64_t loop_next_ms(void)
{
    const struct task *task = next_task();
    return task ? task->at_ms : -1;
}

void loop_go_on(void)
{
    struct task *task = next_task();
    if (task->state == TASK_ENDED)
        bring_back(task);
    else
        go_on(task);
}

void loop_forget(void)
{
    assert(!tasks && !inside);
}
