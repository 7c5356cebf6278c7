/* The helm that a keeper runs, cluster/sim/'s own: a coroutine that is held up before each of its calls to
 * the cluster, so that it can be killed between any two of its writes. Once it is dead, no call of it reaches
 * the cluster; it runs on at once, fails everywhere, and gives back what it holds. */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "cluster/sim/helm.h"
#include "simulation/shipped.h"

#define KILLED        137
#define HANG_PAUSE_MS 50   /* who sleeps for less hangs */
#define HANG_LOOK_MS  2000 /* so seldom does it look whether it was interrupted */

struct helm_child {
    struct coroutine body;
    struct helm helm;
    char **arguments; /* behind "PROGRAM sim-helm FILE" */
    char key[128];
    void (*on_term)(int);
    bool lives, dead;
    int exit_status;
    struct helm_child *next;
};

static struct helm_child *children;
static int doomed_child, doomed_keeper; /* at which call of a helm from now on; 0: not */

static struct helm_child *inside(void)
{
    for (struct helm_child *child = children; child; child = child->next)
        if (&child->body == coroutine_inside())
            return child;
    return NULL;
}

static void run(void *context)
{
    struct helm_child *child = context;
    child->exit_status = helm_run(&child->helm, (const char *const *)child->arguments);
}

struct helm_child *helm_child_new(const struct program *program, const char *key)
{
    struct helm_child *child = memory_new(sizeof *child);
    size_t count = 0;
    assert(!strcmp(program->arguments[1], "sim-helm"));
    while (program->arguments[count + 3])
        count++;
    child->arguments = memory_new((count + 1) * sizeof *child->arguments);
    for (size_t i = 0; i < count; i++)
        child->arguments[i] = string_copy(program->arguments[i + 3]);
    snprintf(child->key, sizeof child->key, "%s", key);
    child->helm = (struct helm){.is_process = true, .world = shipped_world()};
    child->body.run = run;
    child->body.context = child;
    child->body.dead = &child->dead;
    child->next = children;
    children = child;
    return child;
}

void helm_child_begins(struct helm_child *child)
{
    child->lives = true;
    child->body.at_ms = simulation.now_ms;
}

void helm_child_go_on(struct helm_child *child)
{
    struct process *before = simulation.current;
    simulation.current = NULL;
    coroutine_go_on(&child->body);
    simulation.current = before;
    child->lives = child->lives && !child->dead && child->body.state != COROUTINE_ENDED;
}

int64_t helm_child_next_ms(const struct helm_child *child)
{
    return child->body.at_ms;
}

bool helm_child_has_ended(const struct helm_child *child, int *exit_status)
{
    *exit_status = child->dead ? KILLED : child->exit_status;
    return child->dead || child->body.state == COROUTINE_ENDED;
}

void helm_child_interrupt(struct helm_child *child)
{
    if (child->on_term)
        child->on_term(SIGTERM);
    else
        helm_child_kill(child);
    child->body.at_ms = simulation.now_ms;
}

void helm_child_kill(struct helm_child *child)
{
    if (!child || child->body.state == COROUTINE_ENDED)
        return;
    child->lives = false;
    child->dead = true;
}

void helm_children_reap(void)
{
    for (struct helm_child *child = children; child; child = child->next) {
        if (!child->dead || child->body.state != COROUTINE_OUT)
            continue;
        if (child->on_term)
            child->on_term(SIGTERM); /* one that hangs would never come to its end */
        while (child->body.state != COROUTINE_ENDED)
            helm_child_go_on(child);
    }
}

const char *helm_child_out(const struct helm_child *child, bool err)
{
    return text_string(err ? &child->helm.err : &child->helm.out);
}

void helm_child_free(struct helm_child *child)
{
    struct helm_child **at = &children;
    if (!child)
        return;
    helm_child_kill(child);
    helm_children_reap();
    while (*at != child)
        at = &(*at)->next;
    *at = child->next;
    for (char **argument = child->arguments; *argument; argument++)
        free(*argument);
    free(child->arguments);
    helm_clear(&child->helm);
    free(child);
}

const char *helm_child_inside(void)
{
    const struct helm_child *child = inside();
    return child ? child->key : NULL;
}

/* Is this the call? */
static bool strikes(int *doomed)
{
    return *doomed && !--*doomed;
}

bool helm_child_calls(void)
{
    struct helm_child *child = inside();
    if (child->dead)
        return true;
    if (strikes(&doomed_keeper) && !simulation.quiet)
        keepers_kill(false, 0);
    bool dies = strikes(&doomed_child) && !simulation.quiet;
    if (call_strikes() || dies) {
        trace("helm is killed at a call");
        child->dead = true;
    }
    return child->dead;
}

void helm_doom(bool child, int call)
{
    *(child ? &doomed_child : &doomed_keeper) = call;
}

int helm_children_living(void)
{
    int living = 0;
    for (const struct helm_child *child = children; child; child = child->next)
        living += child->lives;
    return living;
}

/* ---- what it asks of the system ---- */

int __real_nanosleep(const struct timespec *wanted, struct timespec *left);
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
    struct helm_child *child = inside();
    int64_t for_ms = wanted->tv_sec * 1000 + wanted->tv_nsec / 1000000;
    if (!coroutine_inside())
        return __real_nanosleep(wanted, left);
    bool hangs = child && for_ms < HANG_PAUSE_MS;
    if (hangs && simulation.quiet && !child->dead) {
        child->dead = true;
        child->on_term(SIGTERM);
    }
    held_up(hangs ? HANG_LOOK_MS : for_ms);
    return 0;
}

int __real_sigaction(int number, const struct sigaction *action, struct sigaction *old);
int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *old);
int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    struct helm_child *child = inside();
    if (!child)
        return __real_sigaction(number, action, old);
    if (number == SIGTERM)
        child->on_term = action->sa_handler;
    return 0;
}

int __real_raise(int number);
int __wrap_raise(int number);
int __wrap_raise(int number)
{
    struct helm_child *child = inside();
    if (!child)
        return __real_raise(number);
    trace("helm kills itself, as it was told");
    child->dead = true;
    return 0;
}
