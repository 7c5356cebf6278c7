/* The faults that a rehearsal scripts into the simulated cluster: each at every step that it concerns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/rehearse/rehearsal.h"
#include "cluster/sim/sim.h"
#include "engine/event.h"

#define SCRIPTS_MAX 3

/* Which steps a fault concerns: kinds by name, or one of these. */
#define ASKING  "@asks"   /* that speak to the cluster */
#define ACTING  "@acts"   /* that change something themselves */
#define PLAYED  "@played" /* that a stand-in plays */
#define THE_RUN ""        /* none: it is there from the begin */

/* It leaves nothing behind: resumed, the run must come to its end. */
#define PASSES 1
/* It never ends by itself: waits of more than ten minutes count as ten. */
#define ENDLESS 2
/* The run itself, nobody's resume, must come to its end. */
#define NOTHING 4

static const struct fault {
    const char *name, *column, *steps;
    const char *scripts[SCRIPTS_MAX]; /* words, as `pawl sim fault` takes them; {…} is filled in */
    const char *says;
    int flags;
} FAULTS[] = {
    {"api-5xx",
     "api",
     ASKING,
     {"fail code=503 times=2"},
     "the API server answers two requests with 503",
     PASSES},
    {"denied", "api", ASKING, {"fail code=403"}, "the API server answers one request with 403", PASSES},
    {"leader-moves",
     "leader",
     "unregister_chunk|locate_meta_leader|verify_idle|find_expired_chunk|check_scale|confirm_removal",
     {"leader-move pod={other_meta}"},
     "the meta leader moves",
     PASSES},
    {"leader-moves-after",
     "leader",
     "unregister_chunk",
     {"leader-move pod={other_meta} on=unregister"},
     "the meta leader moves right after the command",
     PASSES},
    {"no-leader",
     "leader",
     "unregister_chunk|locate_meta_leader|verify_idle|check_scale",
     {"leader-none for=40s"},
     "there is no meta leader for 40 s",
     PASSES},
    {"exec-cut",
     "exec",
     "unregister_chunk",
     {"fail verb=exec command=unregister code=cut effect=yes"},
     "the connection breaks after the command was sent",
     PASSES},
    {"exec-lost",
     "exec",
     "unregister_chunk",
     {"fail verb=exec command=unregister code=cut"},
     "the connection breaks and the command never arrives",
     PASSES},
    {"exec-late",
     "exec",
     "unregister_chunk",
     {"fail verb=exec command=unregister code=cut late=30s"},
     "the connection breaks and the command arrives 30 s later",
     PASSES},
    {"status-empty",
     "status",
     "check_scale|find_chunk|find_expired_chunk|unregister_chunk|confirm_removal",
     {"fail verb=get resource=iomeshclusters code=empty times=2"},
     "the cluster object's status is empty for two looks",
     PASSES},
    {"status-half",
     "status",
     "check_scale|find_chunk|find_expired_chunk|unregister_chunk|confirm_removal",
     {"fail verb=get resource=iomeshclusters code=half times=2"},
     "the cluster object's status is half written for two looks",
     PASSES},
    {"status-lags",
     "status",
     THE_RUN,
     {"setting name=lag_ms value=30s"},
     "the cluster object's status is 30 s late",
     PASSES},
    {"helm-fails",
     "helm",
     "helm_upgrade",
     {"helm phase=patched action=fail"},
     "helm fails after it has patched",
     PASSES},
    {"helm-lies",
     "helm",
     "helm_upgrade",
     {"helm phase=start action=lie"},
     "helm says that it upgraded and did nothing",
     PASSES},
    {"chunk-lost",
     "storage",
     ACTING,
     {"pod-stuck pod={other_pod} reason=CrashLoopBackOff for=20m", "pod-delete pod={other_pod}",
      "time for=15s"},
     "another chunk ({other_pod}) is lost",
     0},
    {"pod-restarts",
     "storage",
     ACTING,
     {"pod-delete pod={leaving_pod}", "time for=6s"},
     "the highest chunk pod ({leaving_pod}) restarts and comes back as a new chunk",
     0},
    {"pod-stuck",
     "storage",
     "helm_upgrade",
     {"pod-stuck pod={new_pod} reason=Unschedulable for=4m"},
     "a new pod ({new_pod}) cannot be scheduled for 4 minutes",
     PASSES},
    {"other-upgrade",
     "others",
     "helm_upgrade",
     {"other-upgrade set=dataCIDR:10.9.0.0/16"},
     "somebody else upgrades the release with other values",
     0},
    {"other-unregister",
     "others",
     "unregister_chunk",
     {"other-unregister id={leaving_chunk}"},
     "somebody else unregisters chunk {leaving_chunk}",
     0},
    {"chart-changed",
     "others",
     "helm_upgrade",
     {"chart-template image=iomesh/other:2"},
     "the repository holds other content under the same chart version",
     0},
    {"other-numbers", "others", THE_RUN, {"chunk-renumber"}, "the chunks have other numbers", NOTHING},
    {"slow-drain",
     "slow",
     THE_RUN,
     {"setting name=drain_ms value=1h"},
     "draining a chunk takes an hour",
     ENDLESS},
    {"slow-copying",
     "slow",
     THE_RUN,
     {"setting name=recover_ms value=1h"},
     "copying lost data takes an hour",
     ENDLESS},
    {"slow-pods",
     "slow",
     THE_RUN,
     {"setting name=start_ms value=1h"},
     "a pod takes an hour to start",
     ENDLESS},
    {"slow-end",
     "slow",
     THE_RUN,
     {"setting name=terminate_ms value=1h"},
     "a pod takes an hour to end",
     ENDLESS},
    {"slow-session",
     "slow",
     THE_RUN,
     {"setting name=expire_ms value=1h"},
     "a lost chunk's session lives on for an hour",
     ENDLESS},
    {"fails",
     "fails",
     PLAYED,
     {"fail verb=stand_in name={step} code=500"},
     "it fails and has done nothing",
     PASSES},
    {"fails-late",
     "fails",
     PLAYED,
     {"fail verb=stand_in name={step} code=500 effect=yes"},
     "it fails and has done it all the same",
     PASSES},
};

/* ---- what stands for {…} ---- */

/* The members of the cast: {"other_meta": "iomesh-meta-1", …}; what is missing has no such fault. */
static void cast_pods(const json_t *shown, json_t *cast)
{
    size_t index;
    json_t *pod;
    int highest = -1;
    const char *leader = json_text(shown, "leader", "");
    json_array_foreach(json_object_get(shown, "pods"), index, pod)
    {
        const char *name = json_text(pod, "name", "");
        int ordinal;
        if (!strncmp(name, "iomesh-meta-", 12) && strcmp(name, leader) &&
            !json_object_get(cast, "other_meta"))
            json_object_set_new(cast, "other_meta", json_string(name));
        if (sscanf(name, "iomesh-chunk-%d", &ordinal) == 1 && ordinal > highest)
            highest = ordinal;
    }
    if (highest < 1)
        return;
    json_object_set_new(cast, "other_pod", json_string("iomesh-chunk-0"));
    json_object_set_new(cast, "leaving_pod", json_sprintf("iomesh-chunk-%d", highest));
    json_object_set_new(cast, "new_pod", json_sprintf("iomesh-chunk-%d", highest + 1));
}

static json_t *cast_of(const struct rehearsal *rehearsal)
{
    struct error ignored;
    json_t *cast = json_object(), *chunk;
    size_t index;
    char *sim = string_format("%s/sim.json", rehearsal->stage);
    json_t *shown = sim_show_state(sim, &ignored);
    cast_pods(shown, cast);
    json_array_foreach(json_object_get(shown, "chunks"), index, chunk)
    {
        if (!strcmp(json_text(chunk, "pod", ""), json_text(cast, "leaving_pod", "-")))
            json_object_set_new(cast, "leaving_chunk",
                                json_sprintf("%lld", (long long)json_int(chunk, "id", 0)));
    }
    json_decref(shown);
    free(sim);
    return cast;
}

/* The text with every {name} filled in; NULL where one is not known. free() it. */
static char *filled(const char *text, const json_t *cast)
{
    struct text out = {0};
    while (*text) {
        size_t literal = strcspn(text, "{");
        text_append(&out, text, literal);
        text += literal;
        if (!*text)
            break;
        size_t length = strcspn(text, "}");
        char *name = string_format("%.*s", (int)length - 1, text + 1);
        const char *value = json_text(cast, name, NULL);
        free(name);
        if (!value) {
            text_clear(&out);
            return NULL;
        }
        text_add(&out, value);
        text += length + 1;
    }
    return text_take(&out);
}

static json_t *words_of(const char *script)
{
    json_t *words = json_array();
    char *copy = string_copy(script), *rest = copy;
    for (char *word; (word = strsep(&rest, " "));)
        if (*word)
            json_array_append_new(words, json_string(word));
    free(copy);
    return words;
}

/* [{"step","words"}], or NULL where this cluster has no part for it. */
static json_t *scripts_of(const struct fault *fault, const char *step, const json_t *cast)
{
    json_t *scripts = json_array();
    for (int i = 0; i < SCRIPTS_MAX && fault->scripts[i]; i++) {
        char *script = filled(fault->scripts[i], cast);
        if (!script) {
            json_decref(scripts);
            return NULL;
        }
        json_array_append_new(scripts, json_pack("{s:s,s:o}", "step", step, "words", words_of(script)));
        free(script);
    }
    return scripts;
}

/* ---- which steps ---- */

static bool names_kind(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at += length)
        if ((at == list || at[-1] == '|') && (at[length] == '|' || !at[length]))
            return true;
    return false;
}

static bool concerns(const struct fault *fault, const struct job_step *step)
{
    const struct kind_declaration *kind = step->kind;
    bool is_played = kind->general && kind->answers;
    bool asks = !is_played && !names_kind("edit_values|approve|sleep|assert", kind->name);
    if (!strcmp(fault->steps, ASKING))
        return asks;
    if (!strcmp(fault->steps, ACTING))
        return step->effect != EFFECT_OBSERVE && !is_played;
    if (!strcmp(fault->steps, PLAYED))
        return is_played && step->effect != EFFECT_OBSERVE;
    return names_kind(fault->steps, kind->name);
}

/* Where nobody approves, the steps behind the approval are never started, and meet nothing. */
static bool is_reached(const struct rehearsal *rehearsal, const char *step)
{
    json_t *commit, *event;
    size_t index, other;
    bool found = strcmp(json_text(rehearsal->straight, "end", ""), END_APPROVAL) != 0;
    char *start = string_format("%s %s", step, event_type_text(EVENT_STEP_STARTED));
    json_array_foreach(json_object_get(rehearsal->straight, "trace"), index, commit)
    {
        json_array_foreach(json_object_get(commit, "events"), other, event)
            found = found || !strcmp(json_string_value(event), start);
    }
    free(start);
    return found;
}

static void add_fault(struct situations *situations, const struct fault *fault, const char *step,
                      json_t *cast)
{
    json_object_set_new(cast, "step", json_string(step));
    json_t *scripts = scripts_of(fault, step, cast);
    if (!scripts)
        return;
    struct situation situation = {
        .name = string_format("%s%s%s", fault->name, *step ? "@" : "", step),
        .step = (char *)step,
        .column = fault->column,
        .what = filled(fault->says, cast),
        .faults = scripts,
        .passes = fault->flags & PASSES,
        .endless = fault->flags & ENDLESS,
        .must_succeed = fault->flags & NOTHING,
    };
    situations_add(situations, &situation);
    free(situation.name);
    free(situation.what);
    json_decref(scripts);
}

bool fault_is_known(const char *name, size_t length)
{
    for (size_t f = 0; f < sizeof FAULTS / sizeof *FAULTS; f++)
        if (strlen(FAULTS[f].name) == length && !strncmp(FAULTS[f].name, name, length))
            return true;
    return false;
}

void fault_names_add(struct text *text)
{
    for (size_t f = 0; f < sizeof FAULTS / sizeof *FAULTS; f++)
        text_format(text, ", %s%s", FAULTS[f].name, *FAULTS[f].steps ? "@STEP" : "");
}

void situations_plan_faults(struct situations *situations, const struct rehearsal *rehearsal)
{
    const struct job *job = rehearsal->job;
    json_t *cast = cast_of(rehearsal);
    for (size_t f = 0; f < sizeof FAULTS / sizeof *FAULTS; f++) {
        if (!*FAULTS[f].steps)
            add_fault(situations, &FAULTS[f], "", cast);
        for (int i = 0; i < job->step_count && *FAULTS[f].steps; i++)
            if (concerns(&FAULTS[f], &job->steps[i]) && is_reached(rehearsal, job->steps[i].id))
                add_fault(situations, &FAULTS[f], job->steps[i].id, cast);
    }
    json_decref(cast);
}
