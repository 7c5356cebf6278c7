#include "engine/loop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/limits.h"
#include "base/memory.h"

#define SIGNALS 3

struct loop {
    uv_loop_t uv;
    uv_timer_t timer;
    uv_signal_t signals[SIGNALS];
    void (*on_signal)(void *context, int number);
    void *context;
};

struct task {
    uv_work_t uv;
    void (*run)(void *work);
    void (*returned)(void *work);
    void *work;
};

/* Of the process, as signals are. libuv keeps what has arrived to itself until the loop runs. */
static volatile sig_atomic_t arrived;
static struct sigaction of_libuv[NSIG];

static void note(int number)
{
    arrived = 1;
    of_libuv[number].sa_handler(number);
}

static void note_first(int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) || action.sa_handler == note)
        return;
    of_libuv[number] = action;
    action.sa_handler = note;
    sigaction(number, &action, NULL);
}

bool loop_has_signal(const struct loop *loop)
{
    (void)loop;
    return arrived;
}

static void signalled(uv_signal_t *handle, int number)
{
    struct loop *loop = handle->data;
    arrived = 0;
    loop->on_signal(loop->context, number);
}

static void wake(uv_timer_t *timer)
{
    (void)timer;
}

struct loop *loop_new(void (*on_signal)(void *context, int number), void *context)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
    struct loop *loop = memory_new(sizeof *loop);
    loop->on_signal = on_signal;
    loop->context = context;
    char workers[16];
    snprintf(workers, sizeof workers, "%d", LIMIT_WORKERS);
    setenv("UV_THREADPOOL_SIZE", workers, 0);
    uv_loop_init(&loop->uv);
    uv_timer_init(&loop->uv, &loop->timer);
    for (int i = 0; i < SIGNALS; i++) {
        uv_signal_init(&loop->uv, &loop->signals[i]);
        loop->signals[i].data = loop;
    }
    for (int i = 0; i < SIGNALS; i++)
        if (!uv_signal_start(&loop->signals[i], signalled, numbers[i]))
            note_first(numbers[i]);
    signal(SIGPIPE, SIG_IGN);
    return loop;
}

static void run_task(uv_work_t *uv)
{
    struct task *task = uv->data;
    task->run(task->work);
}

static void task_returned(uv_work_t *uv, int status)
{
    (void)status;
    struct task *task = uv->data;
    task->returned(task->work);
    free(task);
}

void loop_work(struct loop *loop, void (*run)(void *work), void (*returned)(void *work), void *work)
{
    struct task *task = memory_new(sizeof *task);
    *task = (struct task){.run = run, .returned = returned, .work = work};
    task->uv.data = task;
    uv_queue_work(&loop->uv, &task->uv, run_task, task_returned);
}

/* The timer repeats: one that is due before the loop looks would else never end its wait. */
void loop_collect(struct loop *loop, int64_t wait_ms)
{
    enum { AGAIN_MS = 100 };
    uv_timer_start(&loop->timer, wake, (uint64_t)wait_ms, AGAIN_MS);
    uv_run(&loop->uv, wait_ms ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    uv_timer_stop(&loop->timer);
}

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    free(loop);
}
