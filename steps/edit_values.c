/* edit_values: sets scalars in a Helm values file.
 *
 * prepare records what was there; apply replaces the file as a whole, only while it is still what prepare
 * read. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "steps/kind.h"
#include "steps/kinds.h"
#include "steps/values_file.h"
#include "steps/values_splice.h"

/* A file, and what it becomes. */
struct edit {
    struct values_file file;
    struct splice splice;
    char sha256[DIGEST_HEX_SIZE]; /* of what it becomes */
};

static void edit_clear(struct edit *edit)
{
    splice_clear(&edit->splice);
    values_file_clear(&edit->file);
}

static int edit_splice(struct edit *edit, const char *name, const json_t *set, struct error *error)
{
    if (values_splice(edit->file.bytes, edit->file.length, name, set, &edit->splice, error))
        return -1;
    struct digest digest = digest_of(edit->splice.bytes, edit->splice.length);
    digest_hex(&digest, edit->sha256);
    return 0;
}

static int edit_read(struct edit *edit, const struct visit *visit, const json_t *set, struct error *error)
{
    const char *name = json_text(visit->inputs, "file", "");
    *edit = (struct edit){0};
    return values_file_read(name, &edit->file, error) || edit_splice(edit, name, set, error) ? -1 : 0;
}

static const json_t *set_of(const struct visit *visit)
{
    return json_object_get(visit->inputs, "set");
}

/* ---- what is said ---- */

static json_t *outputs_of(const struct edit *edit)
{
    return json_pack("{s:b,s:O,s:s}", "changed", edit->splice.changed > 0, "before", edit->splice.before,
                     "sha256", edit->sha256);
}

/* A value as a person reads it; free() it. */
static char *shown(const json_t *value)
{
    const char *spelled = json_text(value, "spelled", json_string_value(value));
    return spelled ? string_copy(spelled) : json_canonical(value);
}

/* "iomesh.yaml: chunk.replicaCount 4 → 3" */
static void say_changes(const struct visit *visit, const struct edit *edit, struct summary *summary)
{
    const char *path, *name = json_text(visit->inputs, "file", ""), *slash = strrchr(name, '/');
    json_t *value;
    struct text text = {0};
    text_format(&text, "%s:", slash ? slash + 1 : name);
    json_object_foreach((json_t *)set_of(visit), path, value)
    {
        char *from = shown(json_object_get(edit->splice.before, path)), *to = shown(value);
        text_format(&text, strcmp(from, to) ? " %s %s → %s" : " %s is %s", path, from, to);
        free(from);
        free(to);
    }
    summary_set(summary, "%s", text_string(&text));
    text_clear(&text);
}

static json_t *changes_of(const struct visit *visit, const struct edit *edit)
{
    json_t *changes = json_array(), *value;
    const char *path;
    json_object_foreach((json_t *)set_of(visit), path, value)
    {
        char *from = shown(json_object_get(edit->splice.before, path)), *to = shown(value);
        json_array_append_new(changes, json_pack("{s:s,s:s,s:s,s:O}", "what", path, "from", from, "to", to,
                                                 "line", json_object_get(edit->splice.lines, path)));
        free(from);
        free(to);
    }
    return changes;
}

/* ---- plan ---- */

static json_t *planned_text(const json_t *world, const char *name)
{
    return json_object_get(json_object_get(world, "files"), name);
}

static int read_planned(struct edit *edit, const struct visit *visit, const json_t *world,
                        struct error *error)
{
    const char *name = json_text(visit->inputs, "file", "");
    const json_t *planned = planned_text(world, name);
    *edit = (struct edit){0};
    if (values_file_read(name, &edit->file, error) || values_file_check(&edit->file, error))
        return -1;
    if (planned) {
        free(edit->file.bytes);
        edit->file.bytes = string_copy(json_string_value(planned));
        edit->file.length = json_string_length(planned);
    }
    return edit_splice(edit, name, set_of(visit), error);
}

static void plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    struct edit edit;
    answer->kind = PLAN_REFUSED;
    if (!read_planned(&edit, visit, world, &answer->error)) {
        answer->kind = PLAN_OK;
        answer->outputs = outputs_of(&edit);
        answer->world = json_pack("{s:{s:s%}}", "files", json_text(visit->inputs, "file", ""),
                                  edit.splice.bytes, edit.splice.length);
        answer->changes = changes_of(visit, &edit);
        say_changes(visit, &edit, &answer->summary);
    }
    edit_clear(&edit);
}

/* ---- prepare, apply, probe ---- */

/* What the file was, and what it will be: the old scalars go to the record, for the outputs of a start whose
 * end nobody saw, and for an undo. */
static void prepare(const struct visit *visit, struct answer *answer)
{
    struct edit edit;
    struct error error = {0};
    if (edit_read(&edit, visit, set_of(visit), &error) || values_file_check(&edit.file, &error)) {
        answer_failed(answer, &error);
    } else {
        answer_done(answer, NULL);
        answer->checkpoint = json_pack("{s:s,s:O,s:o}", "old_sha256", edit.file.sha256, "before_raw",
                                       edit.splice.before_raw, "outputs", outputs_of(&edit));
    }
    edit_clear(&edit);
}

/* Writes the new content, behind the gate. */
static int edit_write(const struct edit *edit, const struct visit *visit, bool *turned_back,
                      struct error *error)
{
    char *staged = values_file_stage(&edit->file, edit->splice.bytes, edit->splice.length, error);
    if (!staged)
        return -1;
    if (visit->pass(visit, error))
        return values_file_commit(&edit->file, staged, error);
    values_file_abandon(staged);
    *turned_back = !error->code;
    return error->code ? -1 : 0;
}

static int check_prepared(const struct edit *edit, const struct visit *visit, struct error *error)
{
    if (!strcmp(edit->file.sha256, json_text(visit->checkpoint, "old_sha256", "")))
        return 0;
    return error_set(error, ERROR_NOT_YET, "%s was changed by somebody else since it was read",
                     edit->file.path);
}

/* Makes the file hold these values, where `check` lets it. False: it does not, and *answer says why. */
static bool edit_make(struct edit *edit, const struct visit *visit, const json_t *set,
                      int (*check)(const struct edit *, const struct visit *, struct error *),
                      struct answer *answer)
{
    struct error error = {0};
    bool turned_back = false;
    int result = edit_read(edit, visit, set, &error);
    if (!result)
        result = check(edit, visit, &error);
    if (!result && edit->splice.changed)
        result = edit_write(edit, visit, &turned_back, &error);
    if (turned_back)
        answer->kind = ANSWER_TURNED_BACK;
    else if (result)
        answer_failed(answer, &error);
    return !turned_back && !result;
}

static void apply(const struct visit *visit, struct answer *answer)
{
    struct edit edit;
    if (edit_make(&edit, visit, set_of(visit), check_prepared, answer)) {
        answer_done(answer, outputs_of(&edit));
        say_changes(visit, &edit, &answer->summary);
    }
    edit_clear(&edit);
}

/* The outputs that a start prepared, if the file is what that start would have made of it; NULL: none did.
 * Borrowed. */
static json_t *prepared_outputs(const struct visit *visit, const char *sha256)
{
    size_t index;
    json_t *start;
    json_array_foreach(visit->starts, index, start)
    {
        json_t *outputs = json_at(start, "checkpoint", "outputs", NULL);
        if (!strcmp(sha256, json_text(outputs, "sha256", "")))
            return outputs;
    }
    return NULL;
}

/* Does the file hold these values? */
static void ask_file(const struct visit *visit, const json_t *set, struct probe_answer *answer)
{
    struct edit edit;
    answer->kind = PROBE_CANNOT_TELL;
    if (!edit_read(&edit, visit, set, &answer->error)) {
        json_t *prepared = prepared_outputs(visit, edit.file.sha256);
        answer->kind = edit.splice.changed ? PROBE_NOT_DONE : PROBE_DONE;
        if (answer->kind == PROBE_DONE)
            answer->outputs = prepared ? json_incref(prepared) : outputs_of(&edit);
    }
    edit_clear(&edit);
}

static void probe(const struct visit *visit, struct probe_answer *answer)
{
    ask_file(visit, set_of(visit), answer);
}

/* ---- going back ---- */

/* The old scalars as a `set`: the very bytes that spelled them. */
static json_t *old_scalars(const struct visit *visit)
{
    json_t *set = json_object(), *raw;
    const char *path;
    json_object_foreach(json_object_get(visit->checkpoint, "before_raw"), path, raw)
        json_object_set_new(set, path, json_pack("{s:O}", "raw", raw));
    return set;
}

static void undo_probe(const struct visit *visit, struct probe_answer *answer)
{
    json_t *set = old_scalars(visit);
    ask_file(visit, set, answer);
    json_decref(set);
}

static int check_ours(const struct edit *edit, const struct visit *visit, struct error *error)
{
    const char *made = json_text(json_object_get(visit->checkpoint, "outputs"), "sha256", "");
    if (!strcmp(edit->file.sha256, made) || !edit->splice.changed)
        return 0;
    return error_set(error, ERROR_CANNOT_UNDO, "%s has been changed since this run edited it",
                     edit->file.path);
}

static void undo(const struct visit *visit, struct answer *answer)
{
    json_t *set = old_scalars(visit);
    struct edit edit;
    if (edit_make(&edit, visit, set, check_ours, answer))
        answer_done(answer, NULL);
    edit_clear(&edit);
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
