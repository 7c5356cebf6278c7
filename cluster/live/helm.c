/* The helm program: found, given the run's context and nothing else, and run. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/live/live_cluster.h"
#include "cluster/process.h"

extern char **environ;

/* ---- which helm ---- */

static bool is_program(const char *path)
{
    struct stat status;
    return !stat(path, &status) && S_ISREG(status.st_mode) && !access(path, X_OK);
}

/* free() it. */
static char *helm_on_path(void)
{
    const char *path = getenv("PATH");
    char *copy = string_copy(path ? path : "/usr/local/bin:/usr/bin:/bin"), *rest = copy, *folder;
    char *found = NULL;
    while (!found && (folder = strsep(&rest, ":"))) {
        found = *folder == '/' ? string_format("%s/helm", folder) : NULL; /* never from where we stand */
        if (found && !is_program(found)) {
            free(found);
            found = NULL;
        }
    }
    free(copy);
    return found;
}

static char *helm_find(struct error *error)
{
    const char *named = getenv("PAWL_HELM");
    if (named && *named) {
        char *path = realpath(named, NULL);
        if (path && is_program(path))
            return path;
        free(path);
        error_set(error, ERROR_HELM, "PAWL_HELM names %s, which is no program", named);
        return NULL;
    }
    char *found = helm_on_path();
    if (!found) {
        error_set(error, ERROR_HELM, "there is no helm on PATH");
        error_next(error, "install helm, or set PAWL_HELM to its path");
    }
    return found;
}

/* ---- its environment ---- */

/* What helm gets of ours, and why: variables that begin so. All else stays behind, so that a run does not
 * depend on the shell that it was started from. */
static const char *const PASSED[] = {
    "PATH=",        /* plugins and post-renderers call programs */
    "HOME=",        /* where repositories, plugins and caches are by default */
    "XDG_",         /* … and where they are otherwise */
    "HELM_",        /* repositories, caches, driver, registry settings */
    "TMPDIR=",      /* charts are unpacked there */
    "HTTPS_PROXY=", /* to chart repositories and the API server, as pawl itself goes */
    "https_proxy=",
    "HTTP_PROXY=",
    "http_proxy=",
    "NO_PROXY=",
    "no_proxy=",
    "SSL_CERT_FILE=", /* authorities of private repositories */
    "SSL_CERT_DIR=",
    "DOCKER_CONFIG=", /* credentials of OCI registries */
    NULL,
};
/* These would lead helm to another cluster, user or namespace than the run's. */
static const char *const WITHHELD[] = {"HELM_KUBE", "HELM_NAMESPACE=", NULL};

static bool begins_with_one(const char *variable, const char *const *beginnings)
{
    for (; *beginnings; beginnings++)
        if (!strncmp(variable, *beginnings, strlen(*beginnings)))
            return true;
    return false;
}

static char **environment_make(const char *kubeconfig_path)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **environment = memory_new((count + 2) * sizeof *environment);
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        if (begins_with_one(environ[i], PASSED) && !begins_with_one(environ[i], WITHHELD))
            environment[at++] = string_copy(environ[i]);
    environment[at] = string_format("KUBECONFIG=%s", kubeconfig_path);
    return environment;
}

static int program_make(const char *const *arguments, const char *folder, const char *kubeconfig_path,
                        struct program *out, struct error *error)
{
    char *helm = helm_find(error);
    size_t count = 0;
    *out = (struct program){0};
    if (!helm)
        return -1;
    while (arguments[count])
        count++;
    out->arguments = memory_new((count + 2) * sizeof *out->arguments);
    out->arguments[0] = helm;
    for (size_t i = 0; i < count; i++)
        out->arguments[i + 1] = string_copy(arguments[i]);
    out->environment = environment_make(kubeconfig_path);
    out->folder = folder ? string_copy(folder) : NULL;
    return 0;
}

/* ---- its kubeconfig ---- */

/* JSON is YAML; free() it. */
static char *kubeconfig_text(const struct live_cluster *live)
{
    json_t *document = kubeconfig_document(live->kubeconfig);
    char *text = json_canonical(document);
    json_decref(document);
    return text;
}

static void text_forget(char *text)
{
    explicit_bzero(text, strlen(text));
    free(text);
}

/* A file that is nowhere on disk: nothing is left behind, however we end. -1 with the error filled. */
static int kubeconfig_in_memory(const struct live_cluster *live, struct error *error)
{
    int file = memfd_create("kubeconfig", MFD_CLOEXEC);
    if (file < 0)
        return error_set_errno(error, ERROR_SYSTEM, "cannot make a file in memory");
    char *text = kubeconfig_text(live);
    size_t length = strlen(text);
    bool written = write(file, text, length) == (ssize_t)length && !fchmod(file, 0600);
    text_forget(text);
    if (written)
        return file;
    error_set_errno(error, ERROR_SYSTEM, "cannot write a kubeconfig in memory");
    close(file);
    return -1;
}

/* ---- the calls ---- */

int live_helm(struct cluster *cluster, const char *const *arguments, const char *folder,
              struct program_output *out, struct error *error)
{
    static const struct process_limits limits = {
        .time_ms = LIMIT_READ_HELM_MS, .out_bytes = LIMIT_JSON_BYTES, .err_bytes = LIMIT_CAPTURE_BYTES};
    char path[32];
    struct program program;
    *out = (struct program_output){0};
    int kubeconfig = kubeconfig_in_memory(live_of(cluster), error);
    if (kubeconfig < 0)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", PROCESS_INHERITED);
    int result = program_make(arguments, folder, path, &program, error);
    if (!result)
        result = process_run(&program, kubeconfig, &limits, out, error);
    program_clear(&program);
    close(kubeconfig);
    return result;
}

int live_kubeconfig(struct cluster *cluster, const char *folder, char **out_path, struct error *error)
{
    char *path = string_format("%s/kubeconfig", folder);
    char *text = kubeconfig_text(live_of(cluster));
    int result = file_replace(path, text, strlen(text), 0600, error);
    text_forget(text);
    *out_path = result ? NULL : path;
    if (result)
        free(path);
    return result;
}

int live_helm_program(struct cluster *cluster, const char *const *arguments, const char *folder,
                      struct program *out, struct error *error)
{
    char *path = NULL;
    *out = (struct program){0};
    int result = live_kubeconfig(cluster, folder, &path, error);
    if (!result)
        result = program_make(arguments, folder, path, out, error);
    free(path);
    return result;
}

/* "v3.6.2+gee407bd" and "v4.1.4": up to the '+' or the line's end. */
static char *version_read(const char *said)
{
    const char *start = strchr(said, 'v');
    if (!start || strspn(start + 1, "0123456789") == 0)
        return NULL;
    return string_format("%.*s", (int)strcspn(start, "+ \r\n"), start);
}

char *live_helm_version(struct cluster *cluster, struct error *error)
{
    static const char *const arguments[] = {"version", "--short", NULL};
    struct program_output output;
    char *version = NULL;
    if (!live_helm(cluster, arguments, NULL, &output, error)) {
        version = output.exit_status ? NULL : version_read(output.out);
        if (!version)
            error_set(error, ERROR_HELM, "helm version says: %s%s", output.out, output.err);
    }
    program_output_clear(&output);
    return version;
}
