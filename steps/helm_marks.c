#include "steps/helm_marks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"

static const char *const KIND_TEXTS[] = {
    [MARK_LABEL] = "label", [MARK_COMMENT] = "comment", [MARK_NONE] = "none"};

const char *mark_kind_text(enum mark_kind kind)
{
    return KIND_TEXTS[kind];
}

static int random_bytes(unsigned char bytes[TOKEN_BYTES], struct error *error)
{
    for (size_t filled = 0; filled < TOKEN_BYTES;) {
        ssize_t more = getrandom(bytes + filled, TOKEN_BYTES - filled, 0);
        if (more < 0 && errno != EINTR)
            return error_set_errno(error, ERROR_SYSTEM, "no random numbers for a token");
        filled += more > 0 ? (size_t)more : 0;
    }
    return 0;
}

int token_make(const struct visit *visit, char token[TOKEN_SIZE], struct error *error)
{
    unsigned char bytes[TOKEN_BYTES];
    if (cluster_is_simulated(visit->cluster->record)) {
        char *seed = string_format("%s %d %llu", visit->key, visit->start, (unsigned long long)visit->random);
        struct digest digest = digest_of(seed, strlen(seed));
        memcpy(bytes, digest.bytes, TOKEN_BYTES);
        free(seed);
    } else if (random_bytes(bytes, error)) {
        return -1;
    }
    for (int i = 0; i < TOKEN_BYTES; i++)
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

/* ---- judging ---- */

struct judging {
    const struct release *release;
    const json_t *history;
    json_t *records; /* asked for once, where a label is to be seen or a record to be named */
    struct error *error;
};

static int need_records(struct judging *judging)
{
    if (!judging->records)
        judging->records = helm_records(judging->release, judging->error);
    return judging->records ? 0 : -1;
}

static json_t *record_of(const struct judging *judging, int64_t revision)
{
    size_t index;
    json_t *record;
    json_array_foreach(judging->records, index,
                       record) if (json_int(record, "revision", 0) == revision) return record;
    return NULL;
}

/* 1: the revision carries the token; 0: it does not; -1: the error is filled. */
static int carries(struct judging *judging, const json_t *checkpoint, int64_t revision)
{
    const char *token = json_text(checkpoint, "token", "?");
    const char *marked_by = json_text(checkpoint, "marked_by", "");
    if (!strcmp(marked_by, KIND_TEXTS[MARK_LABEL])) {
        if (need_records(judging))
            return -1;
        return !strcmp(json_text(record_of(judging, revision), "token", ""), token);
    }
    if (strcmp(marked_by, KIND_TEXTS[MARK_COMMENT]))
        return 0;
    char *manifest = helm_manifest(judging->release, revision, judging->error);
    char *comment = string_format(MARK_COMMENT_TEXT "%s", token);
    int found = manifest ? strstr(manifest, comment) != NULL : -1;
    free(comment);
    free(manifest);
    return found;
}

static const json_t *next_above(const json_t *history, int64_t revision)
{
    const json_t *next = NULL;
    size_t index;
    json_t *entry;
    json_array_foreach(history, index, entry)
    {
        int64_t number = json_int(entry, "revision", 0);
        if (number > revision && (!next || number < json_int(next, "revision", 0)))
            next = entry;
    }
    return next;
}

static bool revision_has_failed(const json_t *entry)
{
    return !strcmp(json_text(entry, "status", ""), "failed");
}

static int judge_start(struct judging *judging, const json_t *checkpoint, struct mark *mark)
{
    int64_t base = json_int(checkpoint, "base_revision", 0);
    const char *token = json_text(checkpoint, "token", "");
    const json_t *entry;
    *mark = (struct mark){.checkpoint = checkpoint};
    if (strlen(token) != TOKEN_SIZE - 1)
        return 0; /* no start of helm */
    for (int64_t at = base; (entry = next_above(judging->history, at)); at = json_int(entry, "revision", 0))
        if (strstr(json_text(entry, "description", ""), token)) {
            mark->state = MARK_DONE;
            mark->revision = json_int(entry, "revision", 0);
            return 0;
        }
    for (int64_t at = base; (entry = next_above(judging->history, at)); at = json_int(entry, "revision", 0)) {
        int found = carries(judging, checkpoint, json_int(entry, "revision", 0));
        if (found < 0)
            return -1;
        if (!found)
            continue;
        /* The lowest: later ones may have inherited it. */
        mark->revision = json_int(entry, "revision", 0);
        mark->state = revision_is_pending(entry)   ? MARK_PENDING
                      : revision_has_failed(entry) ? MARK_FAILED
                                                   : MARK_ABSENT;
        return 0;
    }
    return 0;
}

/* DONE beats PENDING beats FAILED beats ABSENT. */
static int weight(const struct mark *mark)
{
    static const int weights[] = {[MARK_ABSENT] = 0, [MARK_FAILED] = 1, [MARK_PENDING] = 2, [MARK_DONE] = 3};
    return weights[mark->state];
}

int marks_judge(const struct release *release, const json_t *history, const json_t *starts, struct mark *out,
                struct error *error)
{
    struct judging judging = {.release = release, .history = history, .error = error};
    size_t index;
    json_t *start;
    int result = 0;
    *out = (struct mark){.state = MARK_ABSENT};
    json_array_foreach(starts, index, start)
    {
        struct mark mark;
        result = judge_start(&judging, json_object_get(start, "checkpoint"), &mark);
        if (result)
            break;
        if (weight(&mark) > weight(out))
            *out = mark;
    }
    if (!result && out->state == MARK_PENDING)
        result = need_records(&judging);
    if (!result && out->state == MARK_PENDING)
        out->record = json_incref(record_of(&judging, out->revision));
    json_decref(judging.records);
    return result;
}

void mark_clear(struct mark *mark)
{
    json_decref(mark->record);
    *mark = (struct mark){.state = MARK_ABSENT};
}

bool marks_may_be_missing(const json_t *history, const json_t *starts)
{
    size_t index;
    json_t *start;
    const json_t *entry;
    json_array_foreach(starts, index, start)
    {
        const json_t *checkpoint = json_object_get(start, "checkpoint");
        int64_t at = json_int(checkpoint, "base_revision", 0);
        if (strcmp(json_text(checkpoint, "marked_by", ""), KIND_TEXTS[MARK_NONE]))
            continue;
        for (; (entry = next_above(history, at)); at = json_int(entry, "revision", 0))
            if (revision_is_pending(entry) || revision_has_failed(entry))
                return true;
    }
    return false;
}
