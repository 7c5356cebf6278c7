#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "steps/iomesh_inputs.h"
#include "steps/iomesh_object.h"
#include "steps/iomesh_summary.h"
#include "steps/kinds.h"
#include "steps/leader.h"
#include "steps/pods.h"
#include "steps/stability.h"
#include "steps/unregister_probe.h"

#define POLL_MS 1000 /* how long one call waits for the command, and how long until the next */

/* The visit's volatile handle: the command that was sent. Its loss leaves the outcome unknown. */
struct sent {
    const struct cluster_calls *calls;
    struct exec *exec;
};

static void sent_free(void *handle)
{
    struct sent *sent = handle;
    if (!sent)
        return;
    sent->calls->exec_free(sent->exec);
    free(sent);
}

/* ---- the re-checks: none of them is retried but the wait for data that moves ---- */

static bool is_expected_status(const struct visit *visit, const char *status)
{
    return json_list_has(json_object_get(visit->inputs, "expect_status"), status);
}

/* INITIALIZING is what an expired chunk shows under a leader that never knew it: it counts where the pod that
 * served the chunk is given and gone. */
static int check_status(const struct visit *visit, const struct chunk *chunk, struct error *error)
{
    const char *pod = json_text(visit->inputs, "pod", NULL);
    bool exists = true;
    if (is_expected_status(visit, chunk->status))
        return 0;
    if (!chunk_is(chunk, CHUNK_INITIALIZING) || !is_expected_status(visit, CHUNK_EXPIRED) || !pod)
        return error_set(error, ERROR_REFUSED, "chunk %lld (%s) is %s, which is not in expect_status",
                         (long long)chunk->id, chunk->ip, chunk->status);
    if (pod_exists(visit, pod, &exists, error))
        return -1;
    if (exists)
        return error_set(error, ERROR_REFUSED, "chunk %lld (%s) is %s, and its pod %s still exists",
                         (long long)chunk->id, chunk->ip, chunk->status, pod);
    return 0;
}

static int check_chunk(const struct visit *visit, const struct iomesh_object *object, struct error *error)
{
    int64_t id = json_int(visit->inputs, "chunk_id", -1);
    const char *ip = json_text(visit->inputs, "chunk_ip", "");
    const struct chunk *chunk = chunk_find(object, id);
    struct text unhealthy = {0};
    if (!chunk)
        return error_set(error, ERROR_REFUSED, "chunk %lld is not on the list of chunks", (long long)id);
    if (strcmp(chunk->ip, ip))
        return error_set(error, ERROR_REFUSED, "chunk %lld has the data IP %s, not %s", (long long)id,
                         chunk->ip, ip);
    if (check_status(visit, chunk, error))
        return -1;
    int count = chunks_describe_unhealthy(object, id, &unhealthy);
    if (count)
        error_set(error, ERROR_REFUSED, "not healthy beside it: %s", text_string(&unhealthy));
    text_clear(&unhealthy);
    return count ? -1 : 0;
}

static int check_leader(const struct visit *visit, struct error *error)
{
    const char *expected = json_text(visit->inputs, "leader", "");
    struct leader leader;
    if (leader_read(visit, LEADER_SELECTOR, &leader, error)) {
        if (error->code == ERROR_NOT_YET)
            error->code = ERROR_REFUSED; /* whoever leads next has to be located anew */
        return -1;
    }
    if (strcmp(leader.pod, expected))
        return error_set(error, ERROR_REFUSED, "the meta leader is %s now, not %s", leader.pod, expected);
    return 0;
}

static int check_all(const struct visit *visit, struct error *error)
{
    struct iomesh_object object;
    if (iomesh_object_read(visit, &object, error))
        return -1;
    int result = check_chunk(visit, &object, error);
    iomesh_object_clear(&object);
    return result ? -1 : check_leader(visit, error);
}

/* True where nothing moves. Else *answer says what is waited for, or what failed. */
static bool is_idle(const struct visit *visit, struct answer *answer)
{
    struct iomesh_summary summary;
    struct text moving = {0};
    struct error error = {0};
    if (iomesh_summary_read(visit, json_text(visit->inputs, "leader", ""), &summary, &error)) {
        answer_failed(answer, &error);
        return false;
    }
    if (iomesh_summary_is_idle(&summary))
        return true;
    iomesh_summary_describe(&summary, &moving);
    error_set(&answer->error, ERROR_NOT_YET, "waits, before it unregisters: %s", text_string(&moving));
    text_clear(&moving);
    answer_again(answer, LOOK_EVERY_MS);
    answer->checkpoint = json_pack("{s:s}", "phase", "waiting");
    return false;
}

/* ---- the command ---- */

/* Codes with which the API says that it did not hand the command on. */
static bool was_not_sent(enum error_code code)
{
    return code == ERROR_CLUSTER_DENIED || code == ERROR_NOT_FOUND;
}

static void send_command(const struct visit *visit, struct answer *answer)
{
    char id[24];
    const char *arguments[] = {"/opt/iomesh/iomeshctl", "chunk", "unregister", id, NULL};
    const struct cluster_calls *calls = visit->cluster->calls;
    struct exec *exec = NULL;
    struct error error = {0};
    snprintf(id, sizeof id, "%lld", (long long)json_int(visit->inputs, "chunk_id", -1));
    if (calls->exec_begin(visit->cluster, json_text(visit->inputs, "namespace", ""),
                          json_text(visit->inputs, "leader", ""), "iomesh-meta", arguments, &exec, &error)) {
        calls->exec_free(exec);
        (was_not_sent(error.code) ? answer_failed : answer_unknown)(answer, &error);
        return;
    }
    struct sent *sent = memory_new(sizeof *sent);
    *sent = (struct sent){calls, exec};
    *visit->handle = sent;
}

/* The first line, without what ends it. */
static int line_length(const char *text)
{
    return (int)strcspn(text, "\r\n");
}

static void judge_end(const struct visit *visit, const struct sent *sent, const struct exec_result *result,
                      struct answer *answer)
{
    long long id = json_int(visit->inputs, "chunk_id", -1);
    const char *leader = json_text(visit->inputs, "leader", ""), *out = "", *err = "";
    struct error error = {0};
    sent->calls->exec_output(sent->exec, &out, &err);
    if (!result->known) {
        error = result->error;
        error.code = ERROR_EXEC_BROKEN;
        error_context(&error, "the connection broke after the command was sent");
        answer_unknown(answer, &error);
    } else if (result->exit_status) {
        const char *said = *err ? err : out;
        error_set(&error, ERROR_EXIT_STATUS, "iomeshctl chunk unregister %lld in %s left with %d: %.*s", id,
                  leader, result->exit_status, line_length(said), said);
        answer_unknown(answer, &error);
    } else {
        json_t *output = json_string(out);
        answer_done(answer, json_object());
        if (output)
            json_object_set_new(answer->outputs, "output", output);
        else /* which does not undo what has happened: the answer says both */
            error_set(&answer->error, ERROR_EXIT_STATUS, "what iomeshctl wrote in %s is not UTF-8", leader);
        summary_set(&answer->summary, "chunk %lld unregistered by %s", id, leader);
    }
}

static void poll_command(const struct visit *visit, struct answer *answer)
{
    struct sent *sent = *visit->handle;
    struct exec_result result = {0};
    sent->calls->exec_poll(sent->exec, POLL_MS, &result);
    if (result.ended) {
        judge_end(visit, sent, &result, answer);
        sent_free(sent);
        *visit->handle = NULL;
        return;
    }
    answer_again(answer, POLL_MS);
    answer->acting = true;
    answer->checkpoint = json_pack("{s:s}", "phase", "sent");
    error_set(&answer->error, ERROR_NOT_YET, "iomeshctl chunk unregister runs in %s",
              json_text(visit->inputs, "leader", ""));
}

/* ---- bodies ---- */

static void begin(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    if (check_all(visit, &error)) {
        answer_failed(answer, &error);
        return;
    }
    if (!is_idle(visit, answer))
        return;
    if (!visit_passes(visit, answer))
        return;
    send_command(visit, answer);
    if (*visit->handle)
        poll_command(visit, answer);
}

static void apply(const struct visit *visit, struct answer *answer)
{
    struct error error;
    if (*visit->handle) {
        poll_command(visit, answer);
    } else if (!strcmp(json_text(visit->checkpoint, "phase", ""), "sent")) {
        error_set(&error, ERROR_EXEC_BROKEN, "the connection of the command that was sent is lost");
        answer_unknown(answer, &error);
    } else {
        begin(visit, answer);
    }
}

/* A body that was asked to return may have left its command behind: while that is out, nothing is told by
 * what the cluster shows. */
static void probe(const struct visit *visit, struct probe_answer *answer)
{
    struct sent *sent = *visit->handle;
    struct exec_result result = {0};
    if (!sent) {
        unregister_probe(visit, answer);
        return;
    }
    sent->calls->exec_poll(sent->exec, 0, &result);
    if (result.ended) {
        sent_free(sent);
        *visit->handle = NULL;
    }
    unregister_probe_in_flight(visit, answer);
}

/* The chunk as it is now may still be healthy or unknown: nothing of it refuses. */
static void plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    (void)world;
    summary_set(&answer->summary, "chunk %lld (%s), by %s",
                (long long)json_int(visit->inputs, "chunk_id", -1), json_text(visit->inputs, "chunk_ip", ""),
                json_text(visit->inputs, "leader", ""));
}

const struct step_kind kind_unregister_chunk = {
    .declaration =
        {
            .name = "unregister_chunk",
            .help = "takes a chunk out of the cluster for ever",
            .effect = EFFECT_ONCE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    INPUT_OBJECT,
                    {.name = "leader", .type = TYPE_STRING, .help = "the meta leader pod"},
                    {.name = "chunk_id", .type = TYPE_INT, .help = "the chunk"},
                    {.name = "chunk_ip", .type = TYPE_STRING, .help = "its data IP, checked again"},
                    {.name = "pod",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "the pod that served it: once it is gone, INITIALIZING counts as expired"},
                    {.name = "expect_status",
                     .type = TYPE_LIST,
                     .of_texts = true,
                     .fallback = "[CHUNK_STATUS_SESSION_EXPIRED]",
                     .help = "the states it may be in"},
                },
            .outputs =
                {
                    {"output", TYPE_STRING, "what iomeshctl said; empty after a success by probe"},
                },
        },
    .permissions = PERMISSIONS_EXEC,
    .plan = plan,
    .probe = probe,
    .apply = apply,
    .handle_free = sent_free,
};
