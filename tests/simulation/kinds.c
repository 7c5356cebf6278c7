/* In the place of steps/kinds.c, for generated jobs: the kinds that need nothing but a program or the clock
 * are pawl's own; three more act on the simulated world in the ways in which helm_upgrade, unregister_chunk
 * and edit_values act on theirs. */
#include "simulation/kinds.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "simulation/shipped.h"
#include "simulation/simulation.h"
#include "steps/kinds.h"

/* ---- release: a child under a keeper, known again by a token; a dead one leaves a pending record ---- */

static void prepare_program(const struct visit *visit, const char *path, struct answer *answer)
{
    struct error error = {0};
    char token[24], *key = string_format("PAWL_KEY=%s", visit->key);
    held_up(chance_time_ms(CHANCE_SCHEDULE, 300));
    snprintf(token, sizeof token, "%016llx", (unsigned long long)chance_bits(CHANCE_BITS));
    char *arguments[] = {(char *)path, token, NULL}, *environment[] = {key, NULL};
    struct program program = {.arguments = arguments, .environment = environment};
    if (revision_is_unfinished(visit->key, NULL))
        error_set(&error, ERROR_HELM_PENDING, "another operation is in progress");
    else if (outside_trouble(30))
        error_set(&error, ERROR_CLUSTER_BUSY, "too many requests");
    json_t *keeper = error.code ? NULL : visit->keep(visit, &program, NULL, &error);
    if (keeper) {
        answer_done(answer, NULL);
        answer->checkpoint = json_pack("{s:o,s:s}", "keeper", keeper, "token", token);
    } else {
        answer_failed(answer, &error);
    }
    free(key);
}

static void release_prepare(const struct visit *visit, struct answer *answer)
{
    prepare_program(visit, "/simulated/release", answer);
}

static void release_undo_prepare(const struct visit *visit, struct answer *answer)
{
    prepare_program(visit, "/simulated/release", answer);
}

/* Every start's token is looked for. */
static void release_probe(const struct visit *visit, struct probe_answer *answer)
{
    size_t index;
    json_t *start;
    held_up(chance_time_ms(CHANCE_WORLD, 600));
    answer->kind = PROBE_NOT_DONE;
    if (is_dead() || outside_trouble(60) || outside_cursed(CURSE_PROBES)) {
        answer->kind = PROBE_CANNOT_TELL;
        bool passes = chance_percent(CHANCE_WORLD, 50);
        error_set(&answer->error, passes ? ERROR_CLUSTER_UNREACHABLE : ERROR_CLUSTER_ANSWER, "no history");
        return;
    }
    json_array_foreach(visit->starts, index, start)
    {
        const char *token = json_text(json_object_get(start, "checkpoint"), "token", "");
        enum release_state state = revision_find(token);
        if (state == RELEASE_DEPLOYED) {
            answer->kind = PROBE_DONE;
            answer->mend = false;
            if (!answer->outputs)
                answer->outputs = json_pack("{s:i}", "revision", (int)index + 2);
        } else if (state == RELEASE_PENDING && answer->kind == PROBE_NOT_DONE) {
            answer->mend = true;
            json_decref(answer->found);
            answer->found = json_pack("{s:s}", "token", token);
        }
    }
}

static void release_apply(const struct visit *visit, struct answer *answer)
{
    const char *token = json_text(visit->checkpoint, "token", "");
    struct error error;
    held_up(chance_time_ms(CHANCE_SCHEDULE, 50));
    switch (visit->child->state) {
    case CHILD_RUNNING:
        answer_again(answer, 200);
        answer->acting = true;
        error_set(&answer->error, ERROR_NOT_YET, "it is running");
        break;
    case CHILD_EXITED:
        if (revision_find(token) == RELEASE_DEPLOYED) {
            answer_done(answer, json_pack("{s:i}", "revision", 2));
        } else {
            error_set(&error, visit->child->exit_status == 75 ? ERROR_CLUSTER_BUSY : ERROR_HELM,
                      "it left with %d", visit->child->exit_status);
            answer_failed(answer, &error);
        }
        break;
    default:
        error_set(&error, ERROR_HELM, "its program is gone");
        answer_unknown(answer, &error);
    }
}

static void release_mend(const struct visit *visit, const json_t *found, struct answer *answer)
{
    struct error error = {0};
    held_up(chance_time_ms(CHANCE_WORLD, 300));
    if (outside_trouble(60) || outside_cursed(CURSE_MENDS)) {
        bool passes = chance_percent(CHANCE_WORLD, 80);
        error_set(&error, passes ? ERROR_CLUSTER_UNREACHABLE : ERROR_CLUSTER_DENIED, "the record stays");
        answer_failed(answer, &error);
        return;
    }
    if (!visit->pass(visit, &error)) {
        answer->kind = ANSWER_TURNED_BACK;
        return;
    }
    if (!rim("mend"))
        revision_remove(json_text(found, "token", ""));
    answer_done(answer, NULL);
}

static void plan_something(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    (void)visit;
    (void)world;
    struct error error = {0};
    bool cursed = outside_cursed(CURSE_PLANS);
    held_up(cursed ? chance_below(CHANCE_WORLD, 3000) : chance_time_ms(CHANCE_WORLD, 500));
    if (!cursed && !outside_trouble(15))
        return;
    error_set(&error, ERROR_REFUSED, "it cannot be done");
    plan_answer_failed(answer, &error);
}

static const struct step_kind kind_release = {
    .declaration = {.name = "release",
                    .help = "acts like helm_upgrade",
                    .effect = EFFECT_CONVERGE,
                    .outputs = {{"revision", TYPE_INT, "the revision"}}},
    .plan = plan_something,
    .prepare = release_prepare,
    .probe = release_probe,
    .apply = release_apply,
    .mend = release_mend,
    .undo_prepare = release_undo_prepare,
    .undo_probe = release_probe,
    .undo = release_apply,
    .runs_child = true,
    .child_may_finish = true,
    .undo_effect = EFFECT_CONVERGE,
};

/* ---- call: a command over a connection of its own; never twice ---- */

struct call {
    const struct cluster_calls *calls;
    struct exec *exec;
};

static void call_free(void *handle)
{
    struct call *call = handle;
    if (!call)
        return;
    call->calls->exec_free(call->exec);
    free(call);
}

static void call_poll(const struct visit *visit, struct answer *answer)
{
    struct call *call = *visit->handle;
    struct exec_result result = {0};
    call->calls->exec_poll(call->exec, 200, &result);
    if (!result.ended) {
        answer_again(answer, 200);
        answer->acting = true;
        answer->checkpoint = json_pack("{s:s}", "phase", "sent");
        error_set(&answer->error, ERROR_NOT_YET, "it runs");
        return;
    }
    struct error error = result.error;
    if (result.known && !result.exit_status) {
        answer_done(answer, json_pack("{s:s}", "output", "done"));
    } else {
        if (result.known)
            error_set(&error, ERROR_EXIT_STATUS, "it left with %d", result.exit_status);
        answer_unknown(answer, &error);
    }
    call_free(call);
    *visit->handle = NULL;
}

static void call_apply(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    if (*visit->handle) {
        call_poll(visit, answer);
        return;
    }
    if (!strcmp(json_text(visit->checkpoint, "phase", ""), "sent")) {
        error_set(&error, ERROR_EXEC_BROKEN, "the connection of the command that was sent is lost");
        answer_unknown(answer, &error);
        return;
    }
    held_up(chance_time_ms(CHANCE_WORLD, 600)); /* looks first */
    if (outside_trouble(40)) {
        bool passes = chance_percent(CHANCE_WORLD, 60);
        error_set(&error, passes ? ERROR_CLUSTER_UNREACHABLE : ERROR_REFUSED, "a look before it fails");
        answer_failed(answer, &error);
        return;
    }
    if (outside_trouble(40)) { /* what it waits for before its effect */
        answer_again(answer, 1000);
        error_set(&answer->error, ERROR_NOT_YET, "something is going on");
        answer->checkpoint = json_pack("{s:s}", "phase", "waits");
        return;
    }
    if (!visit->pass(visit, &error)) {
        answer->kind = ANSWER_TURNED_BACK;
        return;
    }
    char start[16];
    snprintf(start, sizeof start, "%d", visit->start);
    const char *const arguments[] = {"call", visit->key, start, NULL};
    struct exec *exec = NULL;
    if (visit->cluster->calls->exec_begin(visit->cluster, "n", "p", "c", arguments, &exec, &error)) {
        answer_unknown(answer, &error);
        return;
    }
    struct call *call = memory_new(sizeof *call);
    *call = (struct call){visit->cluster->calls, exec};
    *visit->handle = call;
    call_poll(visit, answer);
}

static void call_probe(const struct visit *visit, struct probe_answer *answer)
{
    struct call *call = *visit->handle;
    struct exec_result result = {0};
    held_up(chance_time_ms(CHANCE_WORLD, 600));
    if (call) {
        call->calls->exec_poll(call->exec, 0, &result);
        if (result.ended) {
            call_free(call);
            *visit->handle = NULL;
        }
        answer->kind = PROBE_IN_PROGRESS;
        answer->after_ms = 200;
        error_set(&answer->error, ERROR_NOT_YET, "it is out");
        return;
    }
    answer->kind = outside_probe(visit->key, &answer->error);
    answer->after_ms = 500;
    if (answer->kind == PROBE_DONE)
        answer->outputs = json_pack("{s:s}", "output", "");
}

static const struct step_kind kind_call = {
    .declaration = {.name = "call",
                    .help = "acts like unregister_chunk",
                    .effect = EFFECT_ONCE,
                    .outputs = {{"output", TYPE_STRING, "what it said"}}},
    .plan = plan_something,
    .probe = call_probe,
    .apply = call_apply,
    .handle_free = call_free,
};

/* ---- file: sets something at once; what was there before is remembered ---- */

static void file_prepare(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    (void)visit;
    held_up(chance_time_ms(CHANCE_SCHEDULE, 50));
    if (outside_trouble(30)) {
        error_set(&error, ERROR_SYSTEM, "the file cannot be read");
        answer_failed(answer, &error);
        return;
    }
    answer_done(answer, NULL);
    answer->checkpoint = json_pack("{s:s}", "old", "4");
}

static void file_write(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    if (!visit->pass(visit, &error)) {
        answer->kind = ANSWER_TURNED_BACK;
        return;
    }
    held_up(chance_time_ms(CHANCE_SCHEDULE, 50));
    bool fails = outside_trouble(60);
    if (!rim("write") && !(fails && chance_percent(CHANCE_WORLD, 50))) {
        judge_begins(visit->key, "file", visit->start);
        outside_effect_of(visit->key, "file", false);
        rim("written");
    }
    if (fails) {
        error_set(&error, ERROR_SYSTEM, "no space left on device");
        answer_failed(answer, &error);
    } else {
        answer_done(answer, json_object());
    }
}

static void file_probe(const struct visit *visit, struct probe_answer *answer)
{
    held_up(chance_time_ms(CHANCE_SCHEDULE, 50));
    answer->kind = outside_probe(visit->key, &answer->error);
}

static const struct step_kind kind_file = {
    .declaration = {.name = "file", .help = "acts like edit_values", .effect = EFFECT_CONVERGE},
    .plan = plan_something,
    .prepare = file_prepare,
    .probe = file_probe,
    .apply = file_write,
    .undo_probe = file_probe,
    .undo = file_write,
    .undo_effect = EFFECT_CONVERGE,
};

/* ---- the table ---- */

static const struct step_kind *const KINDS[] = {&kind_command, &kind_sleep, &kind_assert, &kind_approve,
                                                &kind_release, &kind_call,  &kind_file};
#define KIND_COUNT (sizeof KINDS / sizeof *KINDS)

/* A shipped job gets pawl's own table (the linker wraps these). */
const struct step_kind *__real_step_kind_find(const char *name);
const struct step_kind *__wrap_step_kind_find(const char *name);
const struct step_kind *__wrap_step_kind_find(const char *name)
{
    if (shipped_job())
        return __real_step_kind_find(name);
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (!strcmp(KINDS[i]->declaration.name, name))
            return KINDS[i];
    return NULL;
}

const struct kind_declaration *__wrap_step_declaration_find(const char *name);
const struct kind_declaration *__wrap_step_declaration_find(const char *name)
{
    const struct step_kind *kind = __wrap_step_kind_find(name);
    return kind ? &kind->declaration : NULL;
}

const struct kind_declaration *const *__real_step_declarations(void);
const struct kind_declaration *const *__wrap_step_declarations(void);
const struct kind_declaration *const *__wrap_step_declarations(void)
{
    static const struct kind_declaration *declarations[KIND_COUNT + 1];
    if (shipped_job())
        return __real_step_declarations();
    for (size_t i = 0; i < KIND_COUNT; i++)
        declarations[i] = &KINDS[i]->declaration;
    return declarations;
}
