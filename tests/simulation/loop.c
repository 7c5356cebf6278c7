/* In the place of engine/loop.c: the pool is a set of coroutines on this one thread. A body begins a little
 * later than it was handed out, is held up at every call that leaves it, and comes back a little later than
 * it ended; what the others do in between is the seed's choice. */
#include "engine/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/drive.h"
#include "simulation/coroutine.h"
#include "simulation/simulation.h"

struct loop {
    struct process *process;
    void (*on_signal)(void *context, int number);
    void *context;
};

struct task {
    struct process *process;
    struct coroutine body;
    void (*returned)(void *work);
    struct task *next;
};

static struct task *tasks; /* oldest first */

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

bool loop_has_signal(const struct loop *loop)
{
    (void)loop;
    return false; /* each is told at once */
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
    task->process = loop->process;
    task->returned = returned;
    task->body.run = run;
    task->body.context = work;
    task->body.dead = &loop->process->dead;
    task->body.at_ms = simulation.now_ms + chance_below(CHANCE_SCHEDULE, 3);
    loop->process->tasks++;
    while (*at)
        at = &(*at)->next;
    *at = task;
}

static void go_on(struct task *task)
{
    struct process *before = simulation.current;
    simulation.current = task->process;
    coroutine_go_on(&task->body);
    simulation.current = before;
    if (task->body.state == COROUTINE_ENDED) {
        bool slowly = simulation.plan->curse == CURSE_LOOKS_VANISH;
        int64_t back_ms = slowly ? chance_below(CHANCE_SCHEDULE, 500) : chance_time_ms(CHANCE_SCHEDULE, 150);
        task->body.at_ms = simulation.now_ms + back_ms;
    }
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
    task->returned(task->body.context);
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
        while (task->body.state != COROUTINE_ENDED)
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
        if (task->body.at_ms < task->process->stuck_ms)
            task->body.at_ms = task->process->stuck_ms;
        if (!first || task->body.at_ms < first->body.at_ms)
            first = task;
    }
    return first;
}

int64_t loop_next_ms(void)
{
    const struct task *task = next_task();
    return task ? task->body.at_ms : -1;
}

void loop_go_on(void)
{
    struct task *task = next_task();
    if (task->body.state == COROUTINE_ENDED)
        bring_back(task);
    else
        go_on(task);
}

void loop_forget(void)
{
    assert(!tasks && !coroutine_inside());
}
