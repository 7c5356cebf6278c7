#include "steps/helm.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"

/* ---- what helm says went wrong ---- */

/* Part of helm's message → what it means. The first that fits. */
static const struct {
    const char *part;
    enum error_code code;
} MEANINGS[] = {
    {"another operation (install/upgrade/rollback) is in progress", ERROR_HELM_PENDING},
    {"release: not found", ERROR_NOT_FOUND},
    {"has no deployed releases", ERROR_NOT_FOUND},
    {"cluster unreachable", ERROR_CLUSTER_UNREACHABLE},
    {"connection refused", ERROR_CLUSTER_UNREACHABLE},
    {"connection reset", ERROR_CLUSTER_UNREACHABLE},
    {"no route to host", ERROR_CLUSTER_UNREACHABLE},
    {"no such host", ERROR_CLUSTER_UNREACHABLE},
    {"i/o timeout", ERROR_CLUSTER_UNREACHABLE},
    {"TLS handshake timeout", ERROR_CLUSTER_UNREACHABLE},
    {"http2: client connection lost", ERROR_CLUSTER_UNREACHABLE},
    {"unexpected EOF", ERROR_CLUSTER_UNREACHABLE},
    {"Too Many Requests", ERROR_CLUSTER_BUSY},
    {"too many requests", ERROR_CLUSTER_BUSY},
    {"etcdserver:", ERROR_CLUSTER_BUSY},
    {"ServiceUnavailable", ERROR_CLUSTER_BUSY},
    {"the server is currently unable", ERROR_CLUSTER_BUSY},
    {"forbidden:", ERROR_CLUSTER_DENIED},
    {"Unauthorized", ERROR_CLUSTER_DENIED},
};

/* Warnings come first: the message begins at "Error:". */
static const char *complaint_of(const char *text)
{
    const char *found = text;
    for (const char *at = text; (at = strstr(at, "Error: ")); at += strlen("Error: "))
        if (at == text || at[-1] == '\n')
            found = at + strlen("Error: ");
    return found;
}

int helm_explain(const char *doing, int exit_status, const char *stderr_text, struct error *error)
{
    const char *complaint = complaint_of(stderr_text);
    int length = (int)strlen(complaint);
    enum error_code code = ERROR_HELM;
    while (length && (complaint[length - 1] == '\n' || complaint[length - 1] == ' '))
        length--;
    for (size_t i = 0; i < sizeof MEANINGS / sizeof *MEANINGS; i++)
        if (strstr(complaint, MEANINGS[i].part)) {
            code = MEANINGS[i].code;
            break;
        }
    if (length)
        return error_set(error, code, "%s: %.*s", doing, length, complaint);
    return error_set(error, code, "%s: left with status %d and said nothing", doing, exit_status);
}

/* ---- running it ---- */

static int ask(const struct release *release, const char *const *arguments, const char *folder,
               struct program_output *out, struct error *error)
{
    char doing[160];
    snprintf(doing, sizeof doing, "helm %s%s%s", arguments[0], arguments[1] ? " " : "",
             arguments[1] ? arguments[1] : "");
    *out = (struct program_output){0};
    if (release->cluster->calls->helm(release->cluster, arguments, folder, out, error))
        return error_context(error, "%s", doing);
    if (out->exit_status)
        return helm_explain(doing, out->exit_status, out->err ? out->err : "", error);
    return 0;
}

static json_t *ask_json(const struct release *release, const char *const *arguments, const char *folder,
                        struct error *error)
{
    struct program_output out;
    json_t *value = NULL;
    if (!ask(release, arguments, folder, &out, error))
        value = json_read(out.out, out.out_length, LIMIT_JSON_BYTES, "what helm prints", error);
    if (!value && error->code == ERROR_NONE)
        error_set(error, ERROR_CLUSTER_ANSWER, "helm %s printed no JSON", arguments[0]);
    program_output_clear(&out);
    return value;
}

/* ---- the history ---- */

json_t *helm_history(const struct release *release, struct error *error)
{
    const char *arguments[] = {"history",  release->name, "--namespace", release->namespace,
                               "--output", "json",        NULL};
    json_t *history = ask_json(release, arguments, NULL, error);
    if (history && (!json_is_array(history) || !json_array_size(history))) {
        error_set(error, ERROR_CLUSTER_ANSWER, "helm history of %s/%s is no list of revisions",
                  release->namespace, release->name);
        json_decref(history);
        return NULL;
    }
    if (!history)
        error_context(error, "release %s/%s", release->namespace, release->name);
    return history;
}

static bool is_any(const json_t *revision)
{
    (void)revision;
    return true;
}

static bool is_deployed(const json_t *revision)
{
    return !strcmp(json_text(revision, "status", ""), "deployed");
}

static const json_t *newest_that(const json_t *history, bool (*fits)(const json_t *))
{
    const json_t *newest = NULL;
    size_t index;
    json_t *revision;
    json_array_foreach(history, index, revision) if (fits(revision) && json_int(revision, "revision", 0) >
                                                                           json_int(newest, "revision", 0))
        newest = revision;
    return newest;
}

const json_t *history_newest(const json_t *history)
{
    return newest_that(history, is_any);
}

const json_t *history_newest_deployed(const json_t *history)
{
    return newest_that(history, is_deployed);
}

const json_t *history_revision(const json_t *history, int64_t number)
{
    size_t index;
    json_t *revision;
    json_array_foreach(history, index,
                       revision) if (json_int(revision, "revision", 0) == number) return revision;
    return NULL;
}

bool revision_is_pending(const json_t *revision)
{
    return !strncmp(json_text(revision, "status", ""), "pending", strlen("pending"));
}

/* ---- a revision ---- */

json_t *helm_values(const struct release *release, int64_t revision, struct error *error)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)revision);
    const char *arguments[] = {"get",        "values", release->name, "--namespace", release->namespace,
                               "--revision", number,   "--output",    "json",        NULL};
    json_t *values = ask_json(release, arguments, NULL, error);
    if (json_is_null(values)) {
        json_decref(values);
        values = json_object();
    }
    return values;
}

char *helm_manifest(const struct release *release, int64_t revision, struct error *error)
{
    char number[24];
    struct program_output out;
    snprintf(number, sizeof number, "%lld", (long long)revision);
    const char *arguments[] = {"get",        "manifest", release->name, "--namespace", release->namespace,
                               "--revision", number,     NULL};
    char *manifest = ask(release, arguments, NULL, &out, error) ? NULL : string_copy(out.out);
    program_output_clear(&out);
    return manifest;
}

/* ---- the chart ---- */

static bool is_archive(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && !strcmp(name + length - 4, ".tgz");
}

/* The one archive in a folder, free() it; with `remove`, all go and NULL is returned. */
static char *archive_in(const char *folder, bool remove)
{
    DIR *listing = opendir(folder);
    char *found = NULL;
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        char *path = is_archive(entry->d_name) ? string_format("%s/%s", folder, entry->d_name) : NULL;
        if (path && remove)
            unlink(path);
        if (path && !remove && !found) {
            found = path;
            continue;
        }
        free(path);
    }
    if (listing)
        closedir(listing);
    return found;
}

static int copy_archive(const char *chart, const char *folder, struct error *error)
{
    size_t length;
    const char *slash = strrchr(chart, '/');
    char *bytes = file_read(chart, LIMIT_CHART_BYTES, &length, error);
    char *path = string_format("%s/%s", folder, slash ? slash + 1 : chart);
    int result = bytes ? file_replace(path, bytes, length, 0600, error) : -1;
    free(path);
    free(bytes);
    return result;
}

/* A chart is a path where it begins as one: then helm cannot pull it. */
static int fetch(const struct release *release, const char *chart, const char *version, const char *folder,
                 struct error *error)
{
    struct program_output out = {0};
    struct stat status;
    bool is_path = *chart == '/';
    const char *pull[] = {"pull",  chart, "--destination", folder, version ? "--version" : NULL,
                          version, NULL};
    const char *package[] = {"package", chart, "--destination", folder, NULL};
    if (is_path && stat(chart, &status))
        return error_set_errno(error, ERROR_NOT_FOUND, "chart %s", chart);
    if (is_path && S_ISREG(status.st_mode))
        return copy_archive(chart, folder, error);
    int result = ask(release, is_path ? package : pull, folder, &out, error);
    program_output_clear(&out);
    return result;
}

char *helm_pull(const struct release *release, const char *chart, const char *version, const char *folder,
                struct error *error)
{
    if (folder_make(folder, 0700, error))
        return NULL;
    archive_in(folder, true);
    if (fetch(release, chart, version, folder, error))
        return NULL;
    char *archive = archive_in(folder, false);
    if (!archive)
        error_set(error, ERROR_HELM, "helm pull %s left no archive", chart);
    return archive;
}

json_t *helm_dry_run(const struct release *release, const char *chart, const char *values_path,
                     const char *folder, struct error *error)
{
    const char *arguments[] = {"upgrade",          release->name, chart,       "--namespace",
                               release->namespace, "--values",    values_path, "--dry-run",
                               "--output",         "json",        NULL};
    return ask_json(release, arguments, folder, error);
}

int helm_has_labels(const struct release *release, bool *out_is_v3, struct error *error)
{
    int major = 0, minor = 0;
    char *version = release->cluster->calls->helm_version(release->cluster, error);
    if (!version)
        return -1;
    bool known = sscanf(version, "v%d.%d", &major, &minor) == 2;
    if (!known)
        error_set(error, ERROR_HELM, "helm calls itself %s", version);
    free(version);
    *out_is_v3 = major == 3;
    return known ? major > 3 || (major == 3 && minor >= 13) : -1;
}

/* ---- the records ---- */

static json_t *record_of(const json_t *secret)
{
    const json_t *metadata = json_object_get(secret, "metadata");
    const json_t *labels = json_object_get(metadata, "labels");
    char hex[DIGEST_HEX_SIZE];
    char *text = json_canonical(metadata);
    struct digest digest = digest_of(text, strlen(text));
    digest_hex(&digest, hex);
    free(text);
    json_t *record = json_pack("{s:I,s:s,s:s,s:s,s:s,s:s}", "revision",
                               (json_int_t)strtoll(json_text(labels, "version", "0"), NULL, 10), "name",
                               json_text(metadata, "name", ""), "uid", json_text(metadata, "uid", ""),
                               "resourceVersion", json_text(metadata, "resourceVersion", ""), "status",
                               json_text(labels, "status", ""), "sha256", hex);
    const char *token = json_text(labels, "pawl-token", NULL);
    if (token)
        json_object_set_new(record, "token", json_string(token));
    return record;
}

json_t *helm_records(const struct release *release, struct error *error)
{
    struct resource secrets = {"", "v1", "secrets", release->namespace, NULL};
    json_t *list = NULL, *secret, *records = NULL;
    size_t index;
    char *selector = string_format("owner=helm,name=%s", release->name);
    if (!release->cluster->calls->list(release->cluster, &secrets, selector, true, &list, error)) {
        records = json_array();
        json_array_foreach(json_object_get(list, "items"), index, secret)
            json_array_append_new(records, record_of(secret));
    } else {
        error_context(error, "list the records of release %s/%s", release->namespace, release->name);
    }
    json_decref(list);
    free(selector);
    return records;
}
