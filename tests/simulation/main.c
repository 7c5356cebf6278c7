/* make sim: histories until SECONDS have passed or HISTORIES are done; SEED=n begins there, and alone it is
 * one history, told line by line where it fails. A failing history is cut down: faults, words, steps, runs
 * and trouble are left out while it still fails, and the shortest is printed. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/decide.h"
#include "simulation/simulation.h"

#define FAILURES_MOST 3   /* then it ends: they are seldom independent */
#define CUTS_MOST     600 /* histories that one cutting may take */

static struct plan plan;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int64_t setting(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoll(text, NULL, 10) : otherwise;
}

/* The seed is all that is needed to see a crash of the simulation itself again. */
static void on_abort(int number)
{
    char line[96];
    int length = snprintf(line, sizeof line, "SEED=%llu: signal %d\n", (unsigned long long)plan.seed, number);
    (void)!write(STDERR_FILENO, line, (size_t)length);
    signal(number, SIG_DFL);
    raise(number);
}

/* ---- cutting ---- */

static int cuts;

static bool fails_still(const struct plan *tried)
{
    return ++cuts < CUTS_MOST && !history_run(tried, NULL);
}

static bool cut_once(struct plan *found)
{
    bool any = false;
    struct plan tried;
    for (int i = 0; i < found->item_count; i++) {
        tried = *found;
        tried.items[i].dropped = true;
        if (!found->items[i].dropped && fails_still(&tried)) {
            *found = tried;
            any = true;
        }
    }
    for (int i = 0; i < found->step_count; i++) {
        tried = *found;
        tried.steps[i].dropped = true;
        if (!found->steps[i].dropped && fails_still(&tried)) {
            *found = tried;
            any = true;
        }
    }
    int *numbers[] = {&tried.runs, &tried.trouble};
    const int least[] = {1, 0};
    for (int i = 0; i < 2; i++) {
        tried = *found;
        if (*numbers[i] == least[i])
            continue;
        *numbers[i] = least[i];
        if (fails_still(&tried)) {
            *found = tried;
            any = true;
        }
    }
    return any;
}

static void tell_failure(struct plan failed)
{
    printf("\nSEED=%llu (%s store): %s\n", (unsigned long long)failed.seed, simulation_store_kind(),
           simulation.violation);
    cuts = 0;
    while (cut_once(&failed))
        ;
    printf("cut down in %d histories:\n", cuts);
    plan_print(&failed, stdout);
    history_run(&failed, stdout);
    printf("=> %s\n", simulation.violation);
    fflush(stdout);
}

/* ---- the whole ---- */

static int tell_rows(bool must)
{
    int missing = 0;
    for (int i = 0; i < machine_row_count(); i++)
        missing += !machine_rows_taken[i];
    printf("rows of the machine's table taken: %d of %d\n", machine_row_count() - missing,
           machine_row_count());
    for (int i = 0; missing && i < machine_row_count(); i++)
        if (!machine_rows_taken[i])
            printf("  not taken: %s\n", machine_row_name(i));
    return must && missing ? 1 : 0;
}

static void tell_counts(double seconds)
{
    printf("%s store: %llu histories in %.1f s, %.0f a second; %llu jobs were invalid\n",
           simulation_store_kind(), (unsigned long long)counts.histories, seconds,
           (double)counts.histories / seconds, (unsigned long long)counts.invalid);
    printf(
        "%llu events, %llu effects, %llu keepers, %llu calls at the rim, %llu turns; %llu processes killed, "
        "%llu power losses, %llu failed commits, %llu take-overs, %llu words\n",
        (unsigned long long)counts.events, (unsigned long long)counts.effects,
        (unsigned long long)counts.keepers, (unsigned long long)counts.calls,
        (unsigned long long)counts.schedules, (unsigned long long)counts.crashes,
        (unsigned long long)counts.power_losses, (unsigned long long)counts.commit_faults,
        (unsigned long long)counts.takeovers, (unsigned long long)counts.commands);
}

int main(void)
{
    memory_use_for_json();
    json_object_seed(1);
    bool seeded = getenv("SEED") && *getenv("SEED");
    bool single = seeded && !(getenv("SECONDS") && *getenv("SECONDS")) && !setting("HISTORIES", 0);
    int64_t seconds = setting("SECONDS", 60), histories = setting("HISTORIES", single ? 1 : 0);
    uint64_t seed = (uint64_t)setting("SEED", (int64_t)time(NULL) * 1000003);
    int failed = 0;
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    printf("SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    double started_s = now_s();
    for (int64_t i = 0;
         failed < FAILURES_MOST && (histories ? i < histories : now_s() - started_s < (double)seconds); i++) {
        plan_draw(&plan, seed + (uint64_t)i);
        if (history_run(&plan, setting("TRACE", 0) ? stdout : NULL))
            continue;
        failed++;
        tell_failure(plan);
    }
    double took_s = now_s() - started_s;
    tell_counts(took_s);
    int missing = tell_rows(!seeded && !histories && seconds >= 60);
    printf("%llu passed, %d failed\n", (unsigned long long)counts.histories - (uint64_t)failed,
           failed + missing);
    return failed || missing ? 1 : 0;
}
