/* helm upgrade, each phase a call of its own: what a kill leaves is what the real one leaves. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "cluster/sim/chart.h"
#include "cluster/sim/fault.h"
#include "cluster/sim/helm.h"
#include "cluster/sim/release.h"
#include "cluster/yaml.h"

/* A hung helm in virtual time: so much passes in the sim for each real pause, until it is ended. */
#define HANG_PAUSE_NS   5000000
#define HANG_ADVANCE_MS 5000
#define WAIT_STEP_MS    1000

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* helm 3.7 and later end an upgrade in order; earlier ones die of the signal. */
static void interrupts_catch(const struct helm *helm)
{
    interrupted = 0; /* the simulation runs one helm after another in one process */
    if (!helm->is_process || !helm_is_at_least(helm, "v3.7.0"))
        return;
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

/* Lets time pass: really, or in the sim only. */
static int pass(struct helm *helm, int64_t ms, struct error *error)
{
    if (!helm->world->virtual_time) {
        struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
        nanosleep(&rest, NULL);
        return 0;
    }
    if (world_begin(helm->world, error))
        return -1;
    world_advance(helm->world, helm->world->now_ms + ms);
    return world_end(helm->world, error);
}

static int hang(struct helm *helm, struct error *error)
{
    for (int64_t waited = 0; !interrupted; waited += HANG_ADVANCE_MS) {
        if (!helm->is_process && waited > LIMIT_READ_HELM_MS)
            return error_set(error, ERROR_TIMEOUT, "helm did not end");
        nanosleep(&(struct timespec){.tv_nsec = HANG_PAUSE_NS}, NULL);
        if (helm->world->virtual_time && pass(helm, HANG_ADVANCE_MS, error))
            return -1;
    }
    return error_set(error, ERROR_HELM, "context canceled");
}

/* ---- faults at the end of a phase ---- */

/* Ends the call of a phase, then does what is scripted for it. */
static int phase_end(struct helm *helm, const char *phase, struct error *error)
{
    char what[16];
    snprintf(what, sizeof what, "%s", fault_take_phase(helm->world, phase));
    if (world_end(helm->world, error))
        return -1;
    if (!strcmp(what, "kill") && helm->is_process)
        raise(SIGKILL);
    helm->lies = !strcmp(what, "lie");
    if (!strcmp(what, "hang"))
        return hang(helm, error);
    if (!strcmp(what, "fail"))
        return error_set(error, ERROR_HELM, "cannot patch \"iomesh-chunk\" with kind StatefulSet: scripted");
    if (interrupted)
        return error_set(error, ERROR_HELM, "context canceled");
    return 0;
}

/* ---- the post-renderer ---- */

static int renderer_run(const char *program, FILE *in, int out, struct error *error)
{
    pid_t child = fork();
    if (child < 0)
        return error_set_errno(error, ERROR_HELM, "cannot start %s", program);
    if (!child) {
        dup2(fileno(in), STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        execv(program, (char *const[]){(char *)program, NULL});
        _exit(127);
    }
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return error_set(error, ERROR_HELM,
                         "error while running post render on files: error while running command %s", program);
    return 0;
}

/* Sends the manifest through a program. */
static int post_render(struct helm *helm, const char *program, struct upgrade *upgrade, struct error *error)
{
    if (helm_is_at_least(helm, "v4.0.0"))
        return error_set(error, ERROR_HELM, "plugin: \"%s\" not found", program);
    FILE *in = tmpfile(), *out = tmpfile();
    int result = -1;
    if (!in || !out) {
        error_set_errno(error, ERROR_HELM, "cannot make a temporary file");
        goto end;
    }
    fputs(upgrade->manifest, in);
    rewind(in);
    if (renderer_run(program, in, fileno(out), error))
        goto end;
    struct text rendered = {0};
    char piece[4096];
    size_t length;
    rewind(out);
    while ((length = fread(piece, 1, sizeof piece, out)) > 0 && rendered.length < LIMIT_JSON_BYTES)
        text_append(&rendered, piece, length);
    free(upgrade->manifest);
    upgrade->manifest = text_take(&rendered);
    result = 0;
end:
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    return result;
}

/* ---- the phases ---- */

static json_t *values_read(struct helm *helm, const char *file, struct error *error)
{
    if (!file)
        return json_object();
    char *path = helm_path(helm, file);
    size_t length;
    char *bytes = file_read(path, LIMIT_VALUES_FILE_BYTES, &length, error);
    json_t *values = NULL, *documents = bytes ? yaml_documents_read(bytes, length, path, error) : NULL;
    if (documents && json_array_size(documents))
        values = json_incref(json_array_get(documents, 0));
    else if (documents)
        values = json_object();
    if (values && !json_is_object(values)) {
        error_set(error, ERROR_HELM, "failed to parse %s: not a map", path);
        json_decref(values);
        values = NULL;
    }
    json_decref(documents);
    free(bytes);
    free(path);
    return values;
}

static int begin(struct helm *helm, const struct helm_command *command, struct upgrade *upgrade,
                 struct error *error)
{
    upgrade->values = values_read(helm, command->values, error);
    if (!upgrade->values || world_begin(helm->world, error))
        return -1;
    upgrade->chart = helm_chart(helm, command->words[2], command->version, error);
    int result = upgrade->chart ? upgrade_begin(helm->world, upgrade, error) : -1;
    struct error later;
    if (command->dry_run || result)
        return world_end(helm->world, result ? &later : error) ? -1 : result;
    return phase_end(helm, "start", error);
}

static int record(struct helm *helm, struct upgrade *upgrade, struct error *error)
{
    if (world_begin(helm->world, error))
        return -1;
    if (upgrade_record(helm->world, upgrade, "pending-upgrade", error)) {
        world_abandon(helm->world);
        return -1;
    }
    return 0;
}

static int patch(struct helm *helm, struct upgrade *upgrade, struct error *error)
{
    if (world_begin(helm->world, error))
        return -1;
    if (upgrade_patch(helm->world, upgrade, error)) {
        world_abandon(helm->world);
        return -1;
    }
    return phase_end(helm, "patched", error);
}

static int wait_ready(struct helm *helm, const struct helm_command *command, struct upgrade *upgrade,
                      struct error *error)
{
    for (int64_t waited = 0; command->wait; waited += WAIT_STEP_MS) {
        if (world_begin(helm->world, error))
            return -1;
        bool ready = upgrade_is_ready(helm->world, upgrade);
        if (world_end(helm->world, error))
            return -1;
        if (ready)
            return 0;
        if (interrupted)
            return error_set(error, ERROR_HELM, "context canceled");
        if (waited >= command->timeout_ms)
            return error_set(error, ERROR_HELM, "timed out waiting for the condition");
        if (pass(helm, WAIT_STEP_MS, error))
            return -1;
    }
    return 0;
}

static int finish(struct helm *helm, struct upgrade *upgrade, const char *status, const char *description,
                  struct error *error)
{
    if (world_begin(helm->world, error))
        return -1;
    upgrade_finish(helm->world, upgrade, status, description);
    return phase_end(helm, "deployed", error);
}

/* From the record's creation on a failure is written into it. */
static int act(struct helm *helm, const struct helm_command *command, struct upgrade *upgrade,
               struct error *error)
{
    int64_t half = helm->upgrade_ms / 2;
    if (record(helm, upgrade, error))
        return error_context(error, "UPGRADE FAILED");
    if (phase_end(helm, "pending", error) || pass(helm, half, error) || patch(helm, upgrade, error) ||
        wait_ready(helm, command, upgrade, error) || pass(helm, half, error)) {
        char description[1200];
        struct error later;
        snprintf(description, sizeof description, "Upgrade \"%s\" failed: %s", upgrade->release,
                 error->message);
        interrupted = 0;
        finish(helm, upgrade, "failed", description, &later);
        return error_context(error, "UPGRADE FAILED");
    }
    return finish(helm, upgrade, "deployed", upgrade->description ? upgrade->description : "Upgrade complete",
                  error);
}

static void print(struct helm *helm, const struct helm_command *command, const struct upgrade *upgrade)
{
    const char *status = command->dry_run ? "pending-upgrade" : "deployed";
    const char *description = command->dry_run ? "Dry run complete" : upgrade->description;
    if (!command->output || strcmp(command->output, "json")) {
        text_format(&helm->out,
                    "Release \"%s\" has been upgraded. Happy Helming!\nNAME: %s\nNAMESPACE: %s\nSTATUS: %s\n"
                    "REVISION: %lld\n",
                    upgrade->release, upgrade->release, upgrade->namespace, status,
                    (long long)upgrade->revision);
        return;
    }
    helm_print_json(helm, json_pack("{s:s, s:{s:s, s:s}, s:{s:{s:O?, s:O?, s:O?}}, s:O?, s:s?, s:I, s:s}",
                                    "name", upgrade->release, "info", "status", status, "description",
                                    description ? description : "Upgrade complete", "chart", "metadata",
                                    "name", json_object_get(upgrade->chart, "name"), "version",
                                    json_object_get(upgrade->chart, "version"), "appVersion",
                                    json_object_get(upgrade->chart, "app_version"), "config", upgrade->values,
                                    "manifest", upgrade->manifest, "version", (json_int_t)upgrade->revision,
                                    "namespace", upgrade->namespace));
}

int helm_upgrade(struct helm *helm, const struct helm_command *command)
{
    struct upgrade upgrade = {.namespace = command->namespace ? command->namespace : "default",
                              .release = command->words[1],
                              .labels = json_incref(command->labels),
                              .description = command->description,
                              .history_max = command->history_max};
    struct error error;
    int status = 0;
    interrupts_catch(helm);
    if (begin(helm, command, &upgrade, &error) ||
        (command->post_renderer && post_render(helm, command->post_renderer, &upgrade, &error)) ||
        (!command->dry_run && !helm->lies && act(helm, command, &upgrade, &error)))
        status = helm_fail(helm, &error);
    else
        print(helm, command, &upgrade);
    upgrade_clear(&upgrade);
    return status;
}
