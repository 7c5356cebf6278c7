/* One driver process of a rehearsal: submits the run or takes it up, and drives it until it rests, is cut
 * off, or meets the fault that is scripted for the step at hand. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/rehearse/rehearsal.h"
#include "cluster/sim/sim.h"
#include "engine/driver.h"
#include "engine/submit.h"

#define LATER         "30m"  /* in virtual time, until a person resumes a run that has failed */
#define SHORT_WAIT_MS 600000 /* where something does not end by itself */

struct acting {
    const struct rehearsal *rehearsal;
    const struct situation *situation;
    const char *place;
    char *sim; /* the simulated cluster's file */
    int round;
    int commits;   /* of this process, begun */
    json_t *trace; /* array: for each commit {"step","events","effects"}; NULL: nobody wants it */
    enum run_status status;
    enum wait_reason waiting;
    struct error error; /* why the driver let the run go */
};

/* ---- ending ---- */

static void write_text(const struct acting *acting, const char *name, const char *text)
{
    char *path = string_format("%s/%s", acting->place, name);
    FILE *file = fopen(path, "we");
    if (file) {
        fputs(text, file);
        fclose(file);
    }
    free(path);
}

static _Noreturn void stop(const struct acting *acting, const struct error *error)
{
    write_text(acting, "error", error->message);
    _exit(error_exit_status(error->code) == EXIT_SYSTEM ? ACT_BROKEN : ACT_STOPPED);
}

static enum act_end end_of(const struct acting *acting)
{
    switch (acting->status) {
    case RUN_SUCCEEDED:
        return ACT_SUCCEEDED;
    case RUN_FAILED:
        return ACT_FAILED;
    case RUN_WAITING:
        return acting->waiting == WAIT_APPROVAL   ? ACT_WAITS
               : acting->waiting == WAIT_DECISION ? ACT_ASKS
                                                  : ACT_OTHER;
    default:
        return ACT_OTHER;
    }
}

/* ---- commits: counted, and where a driver is cut off ---- */

/* Effects so far: lines of the sim's log. */
static int count_effects(const struct acting *acting)
{
    char *name = string_format("%s.log", acting->sim);
    char *log = file_read(name, 256 * 1024 * 1024, NULL, NULL);
    int count = 0;
    for (const char *at = log; at && (at = strstr(at, "\"effect\":")); at++)
        count++;
    free(log);
    free(name);
    return count;
}

static void on_commit(void *context, bool committed)
{
    struct acting *acting = context;
    const struct situation *situation = acting->situation;
    acting->commits += !committed;
    if (acting->round == 0 && acting->commits == situation->number &&
        situation->cut == (committed ? CUT_AFTER_COMMIT : CUT_BEFORE_COMMIT))
        raise(SIGKILL);
    if (!committed && acting->trace)
        json_array_append_new(acting->trace,
                              json_pack("{s:[],s:i}", "events", "effects", count_effects(acting)));
}

static void note_event(struct acting *acting, const struct run *run, const struct event *event)
{
    json_t *commit = json_array_get(acting->trace, (size_t)acting->commits - 1);
    const char *step = event->step >= 0 ? run->machine->steps[event->step].id : "";
    if (!json_object_get(commit, "step") && *step)
        json_object_set_new(commit, "step", json_string(step));
    json_array_append_new(json_object_get(commit, "events"),
                          json_sprintf("%s%s%s", step, *step ? " " : "", event_type_text(event->type)));
}

/* ---- faults: scripted when their step is started ---- */

static void script(struct acting *acting, const json_t *fault)
{
    const char *words[16] = {NULL};
    json_t *list = json_object_get(fault, "words"), *word;
    size_t index;
    struct error error = {0};
    json_array_foreach(list, index, word) if (index < 15) words[index] = json_string_value(word);
    int result = sim_fault(acting->sim, words, (int)json_array_size(list), &error);
    if (!result)
        write_text(acting, "met", "");
    else if (error.code != ERROR_NOT_FOUND) /* what is gone already cannot go wrong any more */
        stop(acting, &error);
}

static void meet_faults(struct acting *acting, const char *step)
{
    size_t index;
    json_t *fault;
    json_array_foreach(acting->situation->faults, index, fault)
    {
        if (acting->round == 0 && !strcmp(json_text(fault, "step", ""), step) &&
            !json_object_get(fault, "met")) {
            json_object_set_new(fault, "met", json_true());
            script(acting, fault);
        }
    }
}

/* ---- the watcher ---- */

static void on_event(void *context, const struct run *run, const struct event *event)
{
    struct acting *acting = context;
    if (acting->trace)
        note_event(acting, run, event);
    if (event->type == EVENT_STEP_FAILED)
        unsetenv("PAWL_SIM_KILL"); /* the helm of the next attempt shall live */
    if (event->type == EVENT_STEP_STARTED)
        meet_faults(acting, run->machine->steps[event->step].id);
}

static void on_left(void *context, const struct run *run, const struct error *error)
{
    struct acting *acting = context;
    acting->status = run->status;
    acting->waiting = run->waiting;
    acting->error = *error;
}

/* ---- submitting and driving ---- */

static int keep_status(void *context, const struct run_row *row)
{
    struct acting *acting = context;
    acting->waiting = row->waiting && strstr(row->waiting, "\"decision\"") ? WAIT_DECISION : WAIT_NOTHING;
    acting->status = !strcmp(row->status, "succeeded") ? RUN_SUCCEEDED
                     : !strcmp(row->status, "failed")  ? RUN_FAILED
                                                       : RUN_RUNNING;
    return 0;
}

static int64_t submit(struct acting *acting, struct store *store, struct error *error)
{
    char *spec = string_format("sim:%s", acting->sim);
    struct cluster *cluster = cluster_open(spec, NULL, NULL, error);
    free(spec);
    if (!cluster)
        return 0;
    struct submission submission = {
        .job = acting->rehearsal->job,
        .params = acting->rehearsal->params,
        .cluster = cluster,
        .actor = REHEARSAL_ACTOR,
        .folder = acting->rehearsal->working_folder,
    };
    int64_t run = 0;
    bool old;
    if (run_submit(store, &submission, &run, &old, error))
        run = 0;
    cluster_close(cluster);
    return run;
}

/* The run, submitted now where the one before was cut off too early. */
static int64_t take_run(struct acting *acting, struct store *store, struct error *error)
{
    if (!store_read_run(store, 1, keep_status, acting, error))
        return 1;
    if (error->code != ERROR_NOT_FOUND)
        return 0;
    *error = (struct error){0};
    acting->status = RUN_QUEUED;
    return submit(acting, store, error);
}

/* What a person says to a run that rests; NULL: it only goes on. */
static const char *word_of_person(struct acting *acting, struct store *store, json_t **body)
{
    static const char *const later[] = {"time", "for=" LATER};
    struct error error = {0};
    if (acting->waiting == WAIT_DECISION && (*body = person_decision(store, acting->sim, &error)))
        return "resolve";
    *body = json_object();
    if (acting->status != RUN_FAILED)
        return NULL;
    if (acting->situation->faults && sim_fault(acting->sim, later, 2, &error))
        stop(acting, &error);
    return "resume";
}

/* Who waits for what never ends shall not wait for a day: polling costs real time. */
static void cut_waits_short(const struct acting *acting)
{
    struct job *job = acting->rehearsal->job;
    for (int i = 0; i < job->step_count; i++)
        if (acting->situation->endless && job->steps[i].timeout_ms > SHORT_WAIT_MS)
            job->steps[i].timeout_ms = SHORT_WAIT_MS;
}

static void drive(struct acting *acting, struct store *store)
{
    struct error error = {0};
    struct driver_options options = {
        .actor = REHEARSAL_ACTOR,
        .approves = acting->rehearsal->approves,
        .watcher = {.context = acting, .event = on_event, .left = on_left},
    };
    int64_t run = take_run(acting, store, &error);
    if (!run)
        stop(acting, &error);
    if (acting->status == RUN_SUCCEEDED)
        return;
    json_t *body = NULL;
    struct driver_take take = {.command = word_of_person(acting, store, &body), .body = body};
    bool decides = acting->waiting == WAIT_DECISION;
    struct driver *driver = driver_new(store, &options, &error);
    if (!driver || driver_take(driver, run, &take, &error) || driver_run(driver, &error))
        stop(acting, &error);
    if (acting->error.code && decides)
        _exit(ACT_ASKS); /* what later steps need of it only a person can know */
    if (acting->error.code)
        stop(acting, &acting->error);
    driver_free(driver);
    json_decref(body);
}

/* What the simulated cluster shall do to the process that makes its n-th effect. */
static void set_effect_cut(const struct acting *acting)
{
    const struct situation *situation = acting->situation;
    unsetenv("PAWL_SIM_KILL");
    unsetenv("PAWL_SIM_VICTIMS");
    setenv("PAWL_SIM_CALLER", "job", 1);
    if (acting->round || (situation->cut != CUT_BEFORE_EFFECT && situation->cut != CUT_AFTER_EFFECT))
        return;
    char *kill_at = string_format("%s-effect:%d", situation->cut == CUT_BEFORE_EFFECT ? "before" : "after",
                                  situation->number);
    setenv("PAWL_SIM_KILL", kill_at, 1);
    free(kill_at);
    if (situation->victims)
        setenv("PAWL_SIM_VICTIMS", situation->victims, 1);
}

/* What steps put aside for a moment stays in the place as well. */
static void keep_temporaries(const struct acting *acting)
{
    char *folder = string_format("%s/tmp", acting->place);
    mkdir(folder, 0700);
    setenv("TMPDIR", folder, 1);
    free(folder);
}

static void leave_terminal(const struct acting *acting)
{
    char *path = string_format("%s/said", acting->place);
    int said = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600), nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    dup2(said, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    free(path);
}

_Noreturn void act(const struct rehearsal *rehearsal, const struct situation *situation, const char *place,
                   int round)
{
    struct error error = {0};
    struct acting acting = {.rehearsal = rehearsal, .situation = situation, .place = place, .round = round};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    leave_terminal(&acting);
    stand_ins_enter(place);
    acting.sim = string_format("%s/sim.json", place);
    cut_waits_short(&acting);
    set_effect_cut(&acting);
    setenv("UV_THREADPOOL_SIZE", "1", 1); /* one run, one body at a time */
    keep_temporaries(&acting);
    if (!rehearsal->straight)
        acting.trace = json_array();
    meet_faults(&acting, "");
    char *path = string_format("%s/pawl.db", place);
    struct store *store = store_open(path, STORE_WRITE, &error);
    if (!store)
        stop(&acting, &error);
    store_watch_commits(store, on_commit, &acting);
    drive(&acting, store);
    store_close(store);
    if (acting.trace) {
        char *text = json_dumps(acting.trace, JSON_COMPACT);
        write_text(&acting, "trace", text);
        free(text);
    }
    _exit(end_of(&acting));
}
