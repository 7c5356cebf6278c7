/* edit_values: sets scalars in a Helm values file.
 *
 * prepare records what was there; apply replaces the file as a whole, only while it is still what prepare
 * read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "steps/kind.h"
#include "steps/kinds.h"
#include "steps/values_splice.h"

/* A file as it was read: what may be replaced only if it is still that. */
struct values_file {
    char *path; /* symbolic links followed */
    char *bytes;
    size_t length;
    struct stat status;
    struct digest digest;
};

static void values_file_clear(struct values_file *file)
{
    free(file->path);
    free(file->bytes);
}

static int values_file_read(struct values_file *file, const char *name, struct error *error)
{
    *file = (struct values_file){.path = realpath(name, NULL)};
    if (!file->path)
        return error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, "cannot read %s",
                               name);
    file->bytes = file_read(file->path, LIMIT_VALUES_FILE_BYTES, &file->length, error);
    if (!file->bytes)
        return -1;
    if (stat(file->path, &file->status) || !S_ISREG(file->status.st_mode))
        return error_set(error, ERROR_REFUSED, "%s is not a regular file", name);
    file->digest = digest_of(file->bytes, file->length);
    return 0;
}

/* The bytes with the values set; what was there goes to *before. */
struct edit {
    char *bytes;
    size_t length;
    json_t *before;
};

static void edit_clear(struct edit *edit)
{
    free(edit->bytes);
    json_decref(edit->before);
}

static int edit_make(struct edit *edit, const char *name, const char *bytes, size_t length, const json_t *set,
                     struct error *error)
{
    *edit = (struct edit){0};
    if (values_splice(bytes, length, set, &edit->bytes, &edit->length, &edit->before, error))
        return error_context(error, "%s", name);
    return 0;
}

static bool changes(const struct edit *edit, const char *bytes, size_t length)
{
    return edit->length != length || memcmp(edit->bytes, bytes, length);
}

/* ---- replacing ---- */

/* Someone may have saved the file since it was read; the window that is left is that of a rename. */
static int check_unchanged(const struct values_file *file, struct error *error)
{
    struct digest now;
    if (digest_of_file(file->path, &now, error))
        return -1;
    if (memcmp(now.bytes, file->digest.bytes, DIGEST_BYTES))
        return error_set(error, ERROR_NOT_YET, "%s was changed by someone else in this moment", file->path);
    return 0;
}

static int write_all(int to, const char *bytes, size_t length)
{
    while (length) {
        ssize_t written = write(to, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

/* The new content beside the old file, with its mode and owner; -1 with the error filled. */
static int write_beside(const struct values_file *file, const char *temporary, int to,
                        const struct edit *edit, struct error *error)
{
    bool owned = file->status.st_uid == geteuid() && file->status.st_gid == getegid();
    if (!owned && fchown(to, file->status.st_uid, file->status.st_gid))
        return error_set_errno(error, ERROR_SYSTEM, "cannot keep the owner of %s", file->path);
    if (fchmod(to, file->status.st_mode & 07777) || write_all(to, edit->bytes, edit->length) || fsync(to))
        return error_set_errno(error, ERROR_SYSTEM, "cannot write %s", temporary);
    return check_unchanged(file, error);
}

static int values_file_replace(const struct values_file *file, const struct edit *edit, struct error *error)
{
    char *temporary = string_format("%s.pawl-XXXXXX", file->path);
    int to = mkostemp(temporary, O_CLOEXEC);
    if (to < 0) {
        error_set_errno(error, ERROR_SYSTEM, "cannot create %s", temporary);
        free(temporary);
        return -1;
    }
    int result = write_beside(file, temporary, to, edit, error);
    close(to);
    if (!result && rename(temporary, file->path))
        result = error_set_errno(error, ERROR_SYSTEM, "cannot replace %s", file->path);
    if (result)
        unlink(temporary);
    char *folder = string_format("%.*s", (int)(strrchr(file->path, '/') - file->path), file->path);
    if (!result)
        result = folder_sync(*folder ? folder : "/", error);
    free(folder);
    free(temporary);
    return result;
}

/* ---- what is said ---- */

static json_t *outputs_of(const struct edit *edit, bool changed)
{
    char hex[DIGEST_HEX_SIZE];
    struct digest digest = digest_of(edit->bytes, edit->length);
    digest_hex(&digest, hex);
    return json_pack("{s:b,s:O,s:s}", "changed", changed, "before", edit->before, "sha256", hex);
}

/* "iomesh.yaml: chunk.replicaCount 4 → 3" */
static void say_changes(const char *name, const json_t *set, const struct edit *edit, char summary[256])
{
    const char *path, *slash = strrchr(name, '/');
    json_t *value;
    struct text text = {0};
    text_format(&text, "%s:", slash ? slash + 1 : name);
    json_object_foreach((json_t *)set, path, value)
    {
        char *spelled = value_spelled(value);
        const char *before = json_text(edit->before, path, "");
        bool same = !strcmp(before, spelled);
        text_format(&text, same ? " %s is %s" : " %s %s → %s", path, same ? spelled : before, spelled);
        free(spelled);
    }
    snprintf(summary, 256, "%s", text_string(&text));
    text_clear(&text);
}

/* ---- the bodies ---- */

static void plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    const char *name = json_text(visit->inputs, "file", "");
    const json_t *set = json_object_get(visit->inputs, "set");
    const char *planned = json_string_value(json_object_get(json_object_get(world, "files"), name));
    struct values_file file = {0};
    struct edit edit = {0};
    answer->kind = PLAN_REFUSED;
    if (!planned && values_file_read(&file, name, &answer->error))
        goto out;
    const char *bytes = planned ? planned : file.bytes;
    size_t length = planned ? strlen(planned) : file.length;
    if (edit_make(&edit, name, bytes, length, set, &answer->error))
        goto out;
    if (!planned && access(file.path, W_OK)) {
        error_set_errno(&answer->error, ERROR_REFUSED, "cannot write %s", name);
        goto out;
    }
    answer->kind = PLAN_OK;
    answer->outputs = outputs_of(&edit, changes(&edit, bytes, length));
    answer->world = json_pack("{s:{s:s%}}", "files", name, edit.bytes, edit.length);
    answer->changes = json_array();
    const char *path;
    json_t *value;
    json_object_foreach((json_t *)set, path, value)
    {
        char *spelled = value_spelled(value);
        json_array_append_new(answer->changes, json_pack("{s:s,s:s,s:s,s:i}", "what", path, "from",
                                                         json_text(edit.before, path, ""), "to", spelled,
                                                         "line", values_line(bytes, length, path)));
        free(spelled);
    }
    say_changes(name, set, &edit, answer->summary);
out:
    edit_clear(&edit);
    values_file_clear(&file);
}

/* What the file was, and what it will be: the old scalars go to the record, for the outputs of a start whose
 * end nobody saw, and for an undo. */
static void prepare(const struct visit *visit, struct answer *answer)
{
    const char *name = json_text(visit->inputs, "file", "");
    struct values_file file = {0};
    struct edit edit = {0};
    struct error error = {0};
    char hex[DIGEST_HEX_SIZE];
    if (values_file_read(&file, name, &error) ||
        edit_make(&edit, name, file.bytes, file.length, json_object_get(visit->inputs, "set"), &error)) {
        answer_failed(answer, &error);
    } else {
        digest_hex(&file.digest, hex);
        answer_done(answer, NULL);
        answer->checkpoint = json_pack("{s:s,s:o}", "old_sha256", hex, "outputs",
                                       outputs_of(&edit, changes(&edit, file.bytes, file.length)));
    }
    edit_clear(&edit);
    values_file_clear(&file);
}

/* -1 where the file is not what it was when the step was prepared. */
static int check_prepared(const struct values_file *file, const json_t *checkpoint, struct error *error)
{
    char hex[DIGEST_HEX_SIZE];
    digest_hex(&file->digest, hex);
    if (!strcmp(hex, json_text(checkpoint, "old_sha256", "")))
        return 0;
    return error_set(error, ERROR_NOT_YET, "%s was changed by someone else while it was being edited",
                     file->path);
}

static void apply(const struct visit *visit, struct answer *answer)
{
    const char *name = json_text(visit->inputs, "file", "");
    const json_t *set = json_object_get(visit->inputs, "set");
    struct values_file file = {0};
    struct edit edit = {0};
    struct error error = {0};
    bool turned_back = false;
    int result = values_file_read(&file, name, &error);
    if (!result)
        result = check_prepared(&file, visit->checkpoint, &error);
    if (!result)
        result = edit_make(&edit, name, file.bytes, file.length, set, &error);
    bool changed = !result && changes(&edit, file.bytes, file.length);
    if (changed) {
        turned_back = !visit->pass(visit, &error);
        result = turned_back ? 0 : values_file_replace(&file, &edit, &error);
    }
    if (turned_back) {
        answer->kind = ANSWER_TURNED_BACK;
    } else if (result) {
        answer_failed(answer, &error);
    } else {
        answer_done(answer, outputs_of(&edit, changed));
        say_changes(name, set, &edit, answer->summary);
    }
    edit_clear(&edit);
    values_file_clear(&file);
}

/* The outputs that a start prepared, if the file is what that start would have made of it; NULL: none did.
 * Borrowed. */
static json_t *prepared_outputs(const struct visit *visit, const struct values_file *file)
{
    char hex[DIGEST_HEX_SIZE];
    size_t index;
    json_t *start;
    digest_hex(&file->digest, hex);
    json_array_foreach(visit->starts, index, start)
    {
        json_t *outputs = json_at(start, "checkpoint", "outputs", NULL);
        if (!strcmp(hex, json_text(outputs, "sha256", "")))
            return outputs;
    }
    return NULL;
}

/* Does the file hold these values? */
static void ask_file(const struct visit *visit, const json_t *set, struct probe_answer *answer)
{
    const char *name = json_text(visit->inputs, "file", "");
    struct values_file file = {0};
    struct edit edit = {0};
    answer->kind = PROBE_CANNOT_TELL;
    if (!values_file_read(&file, name, &answer->error) &&
        !edit_make(&edit, name, file.bytes, file.length, set, &answer->error)) {
        bool holds = !changes(&edit, file.bytes, file.length);
        json_t *prepared = prepared_outputs(visit, &file);
        answer->kind = holds ? PROBE_DONE : PROBE_NOT_DONE;
        if (holds)
            answer->outputs = prepared ? json_incref(prepared) : outputs_of(&edit, false);
    }
    edit_clear(&edit);
    values_file_clear(&file);
}

static void probe(const struct visit *visit, struct probe_answer *answer)
{
    ask_file(visit, json_object_get(visit->inputs, "set"), answer);
}

/* ---- going back ---- */

/* The old scalars as a `set`: written as they were spelled. */
static json_t *old_scalars(const struct visit *visit)
{
    json_t *set = json_object();
    const char *path;
    json_t *text;
    json_object_foreach(json_at(visit->checkpoint, "outputs", "before", NULL), path, text)
        json_object_set_new(set, path, json_pack("{s:O}", "spelled", text));
    return set;
}

static void undo_probe(const struct visit *visit, struct probe_answer *answer)
{
    json_t *set = old_scalars(visit);
    ask_file(visit, set, answer);
    json_decref(set);
}

static int restore(const struct visit *visit, const json_t *set, bool *out_turned_back, struct error *error)
{
    struct values_file file = {0};
    struct edit edit = {0};
    char hex[DIGEST_HEX_SIZE];
    int result = values_file_read(&file, json_text(visit->inputs, "file", ""), error);
    if (!result) {
        digest_hex(&file.digest, hex);
        const char *made = json_text(json_object_get(visit->checkpoint, "outputs"), "sha256", "");
        if (strcmp(hex, made) && strcmp(hex, json_text(visit->checkpoint, "old_sha256", "")))
            result = error_set(error, ERROR_CANNOT_UNDO, "%s has been changed since this run edited it",
                               file.path);
    }
    if (!result)
        result = edit_make(&edit, file.path, file.bytes, file.length, set, error);
    if (!result && changes(&edit, file.bytes, file.length)) {
        *out_turned_back = !visit->pass(visit, error);
        result = *out_turned_back ? 0 : values_file_replace(&file, &edit, error);
    }
    edit_clear(&edit);
    values_file_clear(&file);
    return result;
}

static void undo(const struct visit *visit, struct answer *answer)
{
    json_t *set = old_scalars(visit);
    struct error error = {0};
    bool turned_back = false;
    if (restore(visit, set, &turned_back, &error))
        answer_failed(answer, &error);
    else if (turned_back)
        answer->kind = ANSWER_TURNED_BACK;
    else
        answer_done(answer, NULL);
    json_decref(set);
}

const struct step_kind kind_edit_values = {
    .declaration =
        {
            .name = "edit_values",
            .help = "sets values in a Helm values file; comments, order and quoting stay",
            .effect = EFFECT_CONVERGE,
            .inputs =
                {
                    {.name = "file", .type = TYPE_PATH, .help = "the values file"},
                    {.name = "set", .type = TYPE_MAP, .as_spelled = true, .help = "dotted path → scalar"},
                },
            .outputs =
                {
                    {"changed", TYPE_BOOL, "whether the file was changed"},
                    {"before", TYPE_MAP, "dotted path → the scalar that was there"},
                    {"sha256", TYPE_STRING, "of the file as it is now"},
                },
        },
    .plan = plan,
    .prepare = prepare,
    .probe = probe,
    .apply = apply,
    .undo_probe = undo_probe,
    .undo = undo,
    .undo_effect = EFFECT_CONVERGE,
};
