#include "steps/helm_start.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "steps/helm_marks.h"

#define ARGUMENTS_LIMIT 20
/* With `wait:` helm gives up by itself, and leaves an orderly `failed` behind, before the kind's 15 m are
 * over. */
#define WAIT_TEXT "14m"

struct start {
    char token[TOKEN_SIZE];
    enum mark_kind marked_by;
    char *description, *label, *renderer;
    const char *arguments[ARGUMENTS_LIMIT];
    int count;
};

static void add(struct start *start, const char *option, const char *value)
{
    start->arguments[start->count++] = option;
    if (value)
        start->arguments[start->count++] = value;
}

/* A label where helm can and its records are Secrets, in which we can see it; else a comment, which helm 4
 * cannot. */
static int choose_mark(const struct helm_look *look, enum mark_kind *out, struct error *error)
{
    bool is_v3 = false;
    int has_labels = helm_has_labels(&look->release, &is_v3, error);
    json_t *records = has_labels >= 0 ? helm_records(&look->release, error) : NULL;
    if (!records)
        return -1;
    bool shows_labels = has_labels && json_array_size(records) > 0;
    *out = shows_labels ? MARK_LABEL : is_v3 ? MARK_COMMENT : MARK_NONE;
    json_decref(records);
    return 0;
}

/* pawl itself, which turns into a post-renderer where its environment says so (cli/post_render.h): helm
 * before 3.10 gives one no arguments. */
static int name_renderer(struct start *start, const struct visit *visit, struct error *error)
{
    char program[PATH_MAX];
    const char *stand_in = NULL; /* of tests that are another program */
    if (cluster_is_simulated(visit->cluster->record))
        stand_in = getenv("PAWL_SIM_PROGRAM");
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return error_set_errno(error, ERROR_SYSTEM, "cannot tell where pawl is");
    program[length] = '\0';
    start->renderer = string_copy(stand_in ? stand_in : program);
    return 0;
}

static int mark(struct start *start, const struct visit *visit, const struct helm_look *look,
                struct error *error)
{
    if (token_make(visit, start->token, error) || choose_mark(look, &start->marked_by, error))
        return -1;
    start->description = string_format("pawl %s by %s, %s", visit->key, visit->actor, start->token);
    add(start, "--description", start->description);
    if (start->marked_by == MARK_LABEL) {
        start->label = string_format("pawl-token=%s", start->token);
        add(start, "--labels", start->label);
    }
    if (start->marked_by != MARK_COMMENT)
        return 0;
    if (name_renderer(start, visit, error))
        return -1;
    add(start, "--post-renderer", start->renderer);
    return 0;
}

static void add_variable(struct program *program, const char *name, const char *value)
{
    size_t count = 0;
    while (program->environment[count])
        count++;
    program->environment = memory_resize(program->environment, count + 2, sizeof *program->environment);
    program->environment[count] = string_format("%s=%s", name, value);
    program->environment[count + 1] = NULL;
}

static json_t *keep(const struct visit *visit, const struct start *start, struct error *error)
{
    struct program program = {0};
    json_t *keeper = NULL;
    char run[24];
    snprintf(run, sizeof run, "%lld", (long long)visit->run);
    if (!visit->cluster->calls->helm_program(visit->cluster, start->arguments, visit->folder, &program,
                                             error)) {
        add_variable(&program, "PAWL_RUN", run);
        add_variable(&program, "PAWL_KEY", visit->key);
        if (start->marked_by == MARK_COMMENT)
            add_variable(&program, POST_RENDER_VARIABLE, start->token);
        keeper = visit->keep(visit, &program, NULL, error);
    }
    program_clear(&program);
    return keeper;
}

json_t *helm_start(const struct visit *visit, const struct helm_look *look, struct error *error)
{
    struct start start = {0};
    json_t *checkpoint = NULL, *keeper = NULL;
    add(&start, "upgrade", look->release.name);
    add(&start, look->archive, NULL);
    add(&start, "--namespace", look->release.namespace);
    add(&start, "--values", look->values_path);
    if (json_bool(visit->inputs, "wait", false)) {
        add(&start, "--wait", NULL);
        add(&start, "--timeout", WAIT_TEXT);
    }
    if (!mark(&start, visit, look, error))
        keeper = keep(visit, &start, error);
    if (keeper)
        checkpoint = json_pack("{s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:o}", "token", start.token, "marked_by",
                               mark_kind_text(start.marked_by), "base_revision",
                               (json_int_t)look->base_revision, "deployed_revision",
                               (json_int_t)look->deployed_revision, "base_chart", look->base_chart, "chart",
                               look->chart, "chart_sha256", look->sha256, "keeper", keeper);
    free(start.description);
    free(start.label);
    free(start.renderer);
    return checkpoint;
}
