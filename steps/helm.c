#include "steps/helm.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"

/* ---- running it ---- */

/* What helm's own words say about whether a retry may help. */
static enum error_code code_of(const char *said)
{
    static const struct {
        const char *words;
        enum error_code code;
    } KNOWN[] = {
        {"release: not found", ERROR_NOT_FOUND},
        {"another operation (install/upgrade/rollback) is in progress", ERROR_HELM_PENDING},
        {"Kubernetes cluster unreachable", ERROR_CLUSTER_UNREACHABLE},
        {"connection refused", ERROR_CLUSTER_UNREACHABLE},
        {"i/o timeout", ERROR_CLUSTER_UNREACHABLE},
        {"TLS handshake timeout", ERROR_CLUSTER_UNREACHABLE},
        {"etcdserver: request timed out", ERROR_CLUSTER_BUSY},
        {"the server is currently unable to handle the request", ERROR_CLUSTER_BUSY},
        {"Too Many Requests", ERROR_CLUSTER_BUSY},
        {"is forbidden", ERROR_CLUSTER_DENIED},
        {"Unauthorized", ERROR_CLUSTER_DENIED},
    };
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strstr(said, KNOWN[i].words))
            return KNOWN[i].code;
    return ERROR_HELM;
}

/* The last line that helm wrote to stderr and is no warning: its "Error: …". Borrowed. */
static const char *last_words(const char *err)
{
    const char *error = strstr(err, "Error: ");
    return error ? error + strlen("Error: ") : err;
}

int helm_error(const char *doing, int exit_status, const char *err, struct error *error)
{
    const char *said = last_words(err);
    int length = (int)strcspn(said, "\n");
    return error_set(error, code_of(err), "%s: helm left with status %d: %.*s", doing, exit_status,
                     length > 700 ? 700 : length, said);
}

/* Runs helm to its end; its stdout is the caller's: free() it. NULL with the error filled. */
static char *ask_helm(struct cluster *cluster, const char *const *arguments, const char *folder,
                      struct error *error)
{
    struct program_output output = {0};
    char *doing = string_format("helm %s %s", arguments[0], arguments[1] ? arguments[1] : "");
    char *out = NULL;
    if (cluster->calls->helm(cluster, arguments, folder, &output, error))
        error_context(error, "%s", doing);
    else if (output.exit_status)
        helm_error(doing, output.exit_status, output.err ? output.err : "", error);
    else
        out = string_copy(output.out ? output.out : "");
    program_output_clear(&output);
    free(doing);
    return out;
}

static json_t *ask_helm_json(struct cluster *cluster, const char *const *arguments, const char *folder,
                             struct error *error)
{
    char *out = ask_helm(cluster, arguments, folder, error);
    json_t *value = out ? json_read(out, strlen(out), LIMIT_JSON_BYTES, "helm's answer", error) : NULL;
    free(out);
    return value;
}

/* ---- history ---- */

json_t *helm_history(const struct release *release, struct error *error)
{
    const char *const arguments[] = {"history", release->name, "-n", release->namespace, "-o", "json",
                                     "--max",   "256",         NULL};
    json_t *history = ask_helm_json(release->cluster, arguments, NULL, error);
    if (history && (!json_is_array(history) || !json_array_size(history))) {
        json_decref(history);
        error_set(error, ERROR_NOT_FOUND, "release \"%s\" in namespace \"%s\" has no history", release->name,
                  release->namespace);
        return NULL;
    }
    return history;
}

const json_t *history_newest(const json_t *history)
{
    const json_t *newest = NULL;
    size_t index;
    json_t *revision;
    json_array_foreach(history, index, revision) if (!newest || json_int(revision, "revision", 0) >
                                                                    json_int(newest, "revision", 0))
        newest = revision;
    return newest;
}

const json_t *history_deployed(const json_t *history)
{
    const json_t *newest = NULL;
    size_t index;
    json_t *revision;
    json_array_foreach(history, index, revision) if (!strcmp(json_text(revision, "status", ""), "deployed") &&
                                                     (!newest || json_int(revision, "revision", 0) >
                                                                     json_int(newest, "revision", 0)))
        newest = revision;
    return newest;
}

const json_t *history_find(const json_t *history, int64_t number)
{
    size_t index;
    json_t *revision;
    json_array_foreach(history, index,
                       revision) if (json_int(revision, "revision", 0) == number) return revision;
    return NULL;
}

bool revision_is_pending(const json_t *revision)
{
    return !strncmp(json_text(revision, "status", ""), "pending-", strlen("pending-"));
}

/* ---- values, manifest ---- */

json_t *helm_values(const struct release *release, int64_t revision, struct error *error)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)revision);
    const char *const arguments[] = {"get",        "values", release->name, "-n",   release->namespace,
                                     "--revision", number,   "-o",          "json", NULL};
    json_t *values = ask_helm_json(release->cluster, arguments, NULL, error);
    if (!json_is_null(values))
        return values;
    json_decref(values);
    return json_object();
}

char *helm_manifest(const struct release *release, int64_t revision, struct error *error)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)revision);
    const char *const arguments[] = {"get",        "manifest", release->name, "-n", release->namespace,
                                     "--revision", number,     NULL};
    return ask_helm(release->cluster, arguments, NULL, error);
}

/* ---- chart ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *revision_chart_version(const json_t *revision, const char *chart)
{
    const char *full = json_text(revision, "chart", ""), *name = base_name(chart);
    size_t length = strlen(name);
    if (!strncmp(full, name, length) && full[length] == '-')
        return full + length + 1;
    for (const char *dash = strchr(full, '-'); dash; dash = strchr(dash + 1, '-'))
        if (dash[1] >= '0' && dash[1] <= '9')
            return dash + 1;
    return NULL;
}

static bool is_archive(const char *chart)
{
    size_t length = strlen(chart);
    return length > 4 &&
           (!strcmp(chart + length - 4, ".tgz") || (length > 7 && !strcmp(chart + length - 7, ".tar.gz")));
}

/* The one archive in a folder; free() it. */
static char *find_archive(const char *folder)
{
    DIR *open_folder = opendir(folder);
    char *path = NULL;
    struct dirent *entry;
    while (open_folder && !path && (entry = readdir(open_folder)))
        if (is_archive(entry->d_name))
            path = string_format("%s/%s", folder, entry->d_name);
    if (open_folder)
        closedir(open_folder);
    return path;
}

int helm_pull(const struct release *release, const char *chart, const char *version, const char *folder,
              struct chart *out, struct error *error)
{
    *out = (struct chart){.name = string_copy(base_name(chart)), .version = string_copy(version)};
    if (is_archive(chart) && !strstr(chart, "://")) {
        out->path = string_copy(chart);
    } else if (*chart == '.' || *chart == '/') {
        return error_set(error, ERROR_REFUSED,
                         "chart: \"%s\" is a folder: its bytes cannot be pinned; package it", chart);
    } else {
        const char *const arguments[] = {"pull", chart, "--version", version, "-d", folder, NULL};
        char *said = ask_helm(release->cluster, arguments, folder, error);
        free(said);
        if (!said)
            return error_context(error, "chart %s %s", chart, version);
        out->path = find_archive(folder);
    }
    if (!out->path)
        return error_set(error, ERROR_HELM, "helm pull of %s %s left no archive", chart, version);
    return digest_of_file(out->path, &out->digest, error);
}

void chart_clear(struct chart *chart)
{
    free(chart->name);
    free(chart->version);
    free(chart->path);
    *chart = (struct chart){0};
}

json_t *helm_dry_run(const struct release *release, const char *chart_path, const char *values_path,
                     struct error *error)
{
    const char *const arguments[] = {"upgrade", release->name, chart_path,  "-n", release->namespace,
                                     "-f",      values_path,   "--dry-run", "-o", "json",
                                     NULL};
    return ask_helm_json(release->cluster, arguments, NULL, error);
}

int helm_has_labels(struct cluster *cluster, struct error *error)
{
    char *version = cluster->calls->helm_version(cluster, error);
    int major = 0, minor = 0;
    if (!version)
        return -1;
    bool read = sscanf(version, "v%d.%d", &major, &minor) == 2;
    if (!read)
        error_set(error, ERROR_HELM, "helm's version \"%.60s\" cannot be read", version);
    free(version);
    return read ? major > 3 || (major == 3 && minor >= 13) : -1;
}
