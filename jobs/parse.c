/* The top of a job file: name, version, vars, lock, defaults. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "jobs/reading.h"

#define FORMAT_VERSION 1

static const char *const TOP_KEYS[] = {"job",        "version",    "description", "params",
                                       "vars",       "lock",       "defaults",    "steps",
                                       "on_success", "on_failure", "on_waiting",  NULL};

static void parse_name(struct reading *reading, const struct document_node *node)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *name = read_text(reading, node, "\"job\"");
    if (!name)
        return;
    if (*name == '-' || strspn(name, letters) != strlen(name) || strlen(name) > LIMIT_NAME_BYTES)
        report(reading, "E0104", node->place, NULL,
               "a job's name is made of a-z, 0-9 and -, does not begin with -, and has at most %d of them",
               LIMIT_NAME_BYTES);
    else
        reading->job->name = name;
}

static void parse_version(struct reading *reading, const struct document_node *node)
{
    int64_t version;
    if (!read_int(reading, node, "\"version\"", 1, 1000, &version))
        return;
    if (version != FORMAT_VERSION)
        report(reading, "E0108", node->place, NULL, "this pawl reads version %d of the job format",
               FORMAT_VERSION);
}

static const struct document_node *required(struct reading *reading, const struct document_node *root,
                                            const char *key)
{
    const struct document_node *node = document_get(root, key);
    if (!node)
        report(reading, "E0102", (struct document_place){root->place.line, root->place.column, 1}, NULL,
               "the key \"%s\" is missing", key);
    return node;
}

/* ---- vars ---- */

static bool var_exists(const struct job *job, const char *name)
{
    for (int i = 0; i < job->var_count; i++)
        if (!strcmp(job->vars[i].name, name))
            return true;
    return false;
}

static void parse_var(struct reading *reading, const struct document_entry *entry)
{
    struct job *job = reading->job;
    if (!name_is_good(entry->key) || var_exists(job, entry->key)) {
        report(reading, "E0104", entry->key_place, NULL, "\"%s\" cannot be a var's name", entry->key);
        return;
    }
    struct job_var *var = &job->vars[job->var_count];
    struct wish wish = {.type = TYPE_ANY,
                        .what = reading_text(reading, "var \"%s\"", entry->key),
                        .sight = SIGHT_SUBMIT,
                        .step = job->var_count,
                        .type_found = &var->type};
    var->name = reading_text(reading, "%s", entry->key);
    var->type = TYPE_ANY;
    var->value = value_of_node(reading, entry->value, &wish);
    job->var_count++; /* also a wrong one: what names it is not wrong */
}

static void parse_vars(struct reading *reading, const struct document_node *node)
{
    if (!is_map(reading, node, "\"vars\""))
        return;
    if (node->count > LIMIT_PARAMS) {
        report(reading, "E0119", node->place, NULL, "%d vars, at most %d are allowed", node->count,
               LIMIT_PARAMS);
        return;
    }
    reading->job->vars = job_memory_take(reading->memory,
                                         ((size_t)node->count + 1) * sizeof *reading->job->vars);
    for (int i = 0; i < node->count; i++)
        parse_var(reading, &node->entries[i]);
}

static void parse_lock(struct reading *reading, const struct document_node *node)
{
    struct wish wish = {.type = TYPE_STRING,
                        .what = "\"lock\"",
                        .sight = SIGHT_SUBMIT,
                        .step = reading->job->var_count,
                        .as_text = true};
    json_t *lock = value_of_node(reading, node, &wish);
    if (!lock)
        return;
    reading->job->lock = json_string_value(lock);
    const char *slash = strchr(reading->job->lock, '/');
    if (!strstr(reading->job->lock, "${") &&
        (!slash || slash == reading->job->lock || !slash[1] || strchr(slash + 1, '/')))
        report(reading, "E0103", node->place, NULL, "\"lock\" is written NAMESPACE/NAME");
}

/* ---- defaults ---- */

static void parse_on_exit(struct reading *reading, const struct document_node *node, struct job_retry *retry)
{
    const int most = (int)(sizeof retry->on_exit / sizeof *retry->on_exit);
    if (!is_list(reading, node, "\"on_exit\""))
        return;
    if (node->count > most)
        report(reading, "E0119", node->place, NULL, "at most %d exit statuses are allowed here", most);
    retry->on_exit_count = 0;
    for (int i = 0; i < node->count && i < most; i++) {
        int64_t status;
        if (read_int(reading, node->entries[i].value, "an exit status", 1, 255, &status))
            retry->on_exit[retry->on_exit_count++] = (int)status;
    }
}

void parse_retry(struct reading *reading, const struct document_node *node, struct job_retry *retry)
{
    static const char *const keys[] = {"attempts", "delay",   "max_delay", "factor",
                                       "jitter",   "timeout", "on_exit",   NULL};
    const struct document_node *found;
    int64_t attempts = retry->attempts;
    if (!is_map(reading, node, "\"retry\""))
        return;
    keys_check(reading, node, keys, "\"retry\"");
    if ((found = document_get(node, "attempts")) &&
        read_int(reading, found, "\"attempts\"", 1, LIMIT_ATTEMPTS, &attempts))
        retry->attempts = (int)attempts;
    if ((found = document_get(node, "delay")))
        read_duration(reading, found, "\"delay\"", &retry->delay_ms);
    if ((found = document_get(node, "max_delay")))
        read_duration(reading, found, "\"max_delay\"", &retry->max_delay_ms);
    if ((found = document_get(node, "factor")))
        read_float(reading, found, "\"factor\"", 1, 100, &retry->factor);
    if ((found = document_get(node, "jitter")))
        read_float(reading, found, "\"jitter\"", 0, 1, &retry->jitter);
    if ((found = document_get(node, "timeout")))
        read_duration(reading, found, "\"timeout\" of \"retry\"", &retry->timeout_ms);
    if ((found = document_get(node, "on_exit")))
        parse_on_exit(reading, found, retry);
    if (retry->max_delay_ms < retry->delay_ms) {
        found = document_get(node, "max_delay");
        if (found)
            report(reading, "E0106", found->place, NULL, "\"max_delay\" is shorter than \"delay\"");
        else
            retry->max_delay_ms = retry->delay_ms;
    }
}

static void parse_defaults(struct reading *reading, const struct document_node *node)
{
    static const char *const keys[] = {"timeout", "retry", NULL};
    const struct document_node *found;
    if (!is_map(reading, node, "\"defaults\""))
        return;
    keys_check(reading, node, keys, "\"defaults\"");
    if ((found = document_get(node, "timeout")))
        read_duration(reading, found, "\"timeout\"", &reading->timeout_ms);
    if ((found = document_get(node, "retry")))
        parse_retry(reading, found, &reading->retry);
}

void parse_job(struct reading *reading)
{
    const struct document_node *root = reading->document->root, *node;
    struct job *job = reading->job;
    if (!is_map(reading, root, "a job file"))
        return;
    keys_check(reading, root, TOP_KEYS, "a job");
    job->description = "";
    if ((node = required(reading, root, "job")))
        parse_name(reading, node);
    if ((node = required(reading, root, "version")))
        parse_version(reading, node);
    if ((node = document_get(root, "description"))) {
        const char *description = read_text(reading, node, "\"description\"");
        job->description = description ? description : "";
    }
    if ((node = document_get(root, "params")))
        parse_params(reading, node);
    if ((node = document_get(root, "vars")))
        parse_vars(reading, node);
    if ((node = document_get(root, "lock")))
        parse_lock(reading, node);
    if ((node = document_get(root, "defaults")))
        parse_defaults(reading, node);
    if ((node = required(reading, root, "steps")))
        parse_steps(reading, node);
    parse_hooks(reading, root);
}
