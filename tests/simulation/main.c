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
#include "simulation/shipped.h"
#include "simulation/simulation.h"

#define HISTORIES_FOR_ALL_ROWS                                                                               \
    250000                /* the rarest row is taken once in 20,000; below, what was not is only told */
#define FAILURES_MOST 3   /* then it ends: they are seldom independent */
#define CUTS_MOST     600 /* histories that one cutting may take */
#define CUT_SECONDS   10
#define HANGS_SECONDS 60 /* one history takes about a millisecond */

static struct plan plan;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* How busy one core was: others use the machine, too. */
static double core_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
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
static double cut_until_s;

static bool fails_still(const struct plan *tried)
{
    return ++cuts < CUTS_MOST && core_s() < cut_until_s && !history_run(tried, NULL);
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
    for (int i = 0; i < found->step_count && !found->shipped; i++) {
        tried = *found;
        tried.steps[i].dropped = true;
        if (!found->steps[i].dropped && fails_still(&tried)) {
            *found = tried;
            any = true;
        }
    }
    tried = *found;
    tried.curse = CURSE_NONE;
    if (found->curse && fails_still(&tried)) {
        *found = tried;
        any = true;
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
    cut_until_s = core_s() + CUT_SECONDS;
    while (cut_once(&failed))
        ;
    printf("cut down in %d histories:\n", cuts);
    plan_print(&failed, stdout);
    history_run(&failed, stdout);
    printf("=> %s\n", simulation.violation);
    fflush(stdout);
}

/* ---- the whole ---- */

/* The driver never asks there: it looks before whether a body is out, and lets an ended run go. The scenarios
 * in text take these rows. */
static bool is_out_of_reach(int row)
{
    static const char *const rows[] = {"ANYWHERE TICK: a_body_is_out", "AT(ENDED) TICK: always"};
    return !strncmp(machine_row_name(row), rows[0], strlen(rows[0])) ||
           !strncmp(machine_row_name(row), rows[1], strlen(rows[1]));
}

static int tell_rows(bool must)
{
    int taken = 0, reachable = 0;
    for (int i = 0; i < machine_row_count(); i++) {
        reachable += !is_out_of_reach(i);
        taken += machine_rows_taken[i] && !is_out_of_reach(i);
    }
    printf("rows of the machine's table taken: %d of %d; %d more no driver ever reaches\n", taken, reachable,
           machine_row_count() - reachable);
    for (int i = 0; i < machine_row_count(); i++)
        if (!machine_rows_taken[i] && !is_out_of_reach(i))
            printf("  not taken: %s\n", machine_row_name(i));
    return must && taken < reachable ? 1 : 0;
}

static void tell_counts(double seconds, double core_seconds)
{
    printf("%s store: %llu histories in %.1f s, %.0f a second of one core; %llu jobs were invalid\n",
           simulation_store_kind(), (unsigned long long)counts.histories, seconds,
           (double)counts.histories / core_seconds, (unsigned long long)counts.invalid);
    printf(
        "%llu of them were of shipped jobs on the simulated cluster, %llu of whose runs succeeded; nobody else "
        "had a hand in %llu\n",
        (unsigned long long)counts.shipped, (unsigned long long)counts.shipped_successes,
        (unsigned long long)counts.shipped_whole);
    printf(
        "%llu events, %llu effects, %llu keepers, %llu calls at the rim, %llu turns; %llu processes killed, "
        "%llu power losses, %llu failed commits, %llu take-overs, %llu words\n",
        (unsigned long long)counts.events, (unsigned long long)counts.effects,
        (unsigned long long)counts.keepers, (unsigned long long)counts.calls,
        (unsigned long long)counts.schedules, (unsigned long long)counts.crashes,
        (unsigned long long)counts.power_losses, (unsigned long long)counts.commit_faults,
        (unsigned long long)counts.takeovers, (unsigned long long)counts.commands);
}

/* What the programs before this one have counted. */
#define PASSED "PAWL_SIMULATION_PASSED"
#define FAILED "PAWL_SIMULATION_FAILED"

/* Goes on with the same on another store: the program that is named. */
static void go_on(char **arguments, int64_t passed, int64_t failed)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)passed);
    setenv(PASSED, text, 1);
    snprintf(text, sizeof text, "%lld", (long long)failed);
    setenv(FAILED, text, 1);
    fflush(stdout);
    shipped_files_remove(); /* an execv forgets what is to be done at exit */
    execv(arguments[0], arguments);
    perror(arguments[0]);
    exit(2);
}

int main(int count, char **arguments)
{
    bool follows = getenv(PASSED); /* with a part of the time */
    memory_use_for_json();
    json_object_seed(1);
    bool seeded = getenv("SEED") && *getenv("SEED");
    bool single = seeded && !(getenv("SECONDS") && *getenv("SECONDS")) && !setting("HISTORIES", 0);
    int64_t seconds = setting("SECONDS", 60), histories = setting("HISTORIES", single ? 1 : 0);
    seconds = follows ? (seconds + 5) / 6 : seconds;
    histories = follows && !single ? (histories + 9) / 10 : histories;
    uint64_t seed = (uint64_t)setting("SEED", (int64_t)time(NULL) * 1000003);
    int failed = 0;
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    signal(SIGALRM, on_abort);
    printf("SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    double started_s = now_s(), started_core_s = core_s(); /* the program before this one has used some */
    for (int64_t i = 0;
         failed < FAILURES_MOST && (histories ? i < histories : now_s() - started_s < (double)seconds); i++) {
        plan_draw(&plan, seed + (uint64_t)i);
        alarm(HANGS_SECONDS);
        if (history_run(&plan, setting("TRACE", 0) ? stdout : NULL))
            continue;
        failed++;
        alarm(0);
        tell_failure(plan);
    }
    double took_s = now_s() - started_s;
    tell_counts(took_s, core_s() - started_core_s);
    bool enough = counts.histories >= HISTORIES_FOR_ALL_ROWS;
    bool few = !counts.shipped_successes || counts.shipped_whole * 2 < counts.shipped;
    if (enough && few)
        printf("too few histories of shipped jobs are held to all that the jobs promise\n");
    int missing = follows ? 0 : tell_rows(enough) + (enough && few);
    if (!single && counts.invalid * 10 >= counts.histories) {
        printf("too few of the jobs that were drawn are valid\n");
        missing++;
    }
    int64_t passed = (int64_t)counts.histories - failed + setting(PASSED, 0);
    int64_t all_failed = failed + missing + setting(FAILED, 0);
    if (count > 1)
        go_on(arguments + 1, passed, all_failed);
    printf("%lld passed, %lld failed\n", (long long)passed, (long long)all_failed);
    return all_failed ? 1 : 0;
}
