/* command: runs a program under a keeper. What its answer means (`on_exit:`, `until:`, `outputs:`, `probe:`)
 * the engine evaluates; here it is started and its end is read. */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/process.h"
#include "steps/kinds.h"
#include "steps/secret.h"

/* ---- the program ---- */

static void add_string(char ***list, size_t *count, char *owned)
{
    *list = memory_resize(*list, *count + 2, sizeof **list);
    (*list)[(*count)++] = owned;
    (*list)[*count] = NULL;
}

/* The system would refuse to start the program. */
static int refuse_long(struct error *error, size_t length, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int refuse_long(struct error *error, size_t length, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *what = string_format_list(format, arguments);
    va_end(arguments);
    error_set(error, ERROR_LIMIT, "%s takes %zu bytes; at most %d can be passed on", what, length,
              LIMIT_ARGUMENT_BYTES);
    free(what);
    return error_next(error, "give it on standard input (stdin:), or in a file");
}

static int fill_arguments(const struct visit *visit, struct program *program, struct error *error)
{
    const json_t *argv = json_object_get(visit->inputs, "argv");
    size_t count = 0, index;
    json_t *argument;
    if (!json_array_size(argv) || json_array_size(argv) > LIMIT_ARGUMENTS)
        return error_set(error, ERROR_PARAM_INVALID, "argv has %zu arguments; 1 to %d are allowed",
                         json_array_size(argv), LIMIT_ARGUMENTS);
    json_array_foreach(argv, index, argument)
    {
        char *text = json_is_string(argument) ? string_copy(json_string_value(argument))
                                              : json_canonical(argument);
        size_t length = strlen(text);
        add_string(&program->arguments, &count, text);
        if (length > LIMIT_ARGUMENT_BYTES)
            return refuse_long(error, length, "argv[%zu]", index);
    }
    return 0;
}

static const char *search_path(void)
{
    const char *path = getenv("PATH");
    return path ? path : "/usr/bin:/bin";
}

/* A name without a slash is looked for on the PATH that the program gets: found now, so that the keeper only
 * execs. */
static int find_program(struct program *program, const char *path, struct error *error)
{
    assert(program->arguments); /* at least one: fill_arguments */
    char *name = program->arguments[0], *copy = string_copy(path), *rest = copy, *found = NULL;
    if (strchr(name, '/')) {
        free(copy);
        return 0;
    }
    for (char *folder = strsep(&rest, ":"); folder && !found; folder = strsep(&rest, ":")) {
        char *candidate = string_format("%s/%s", *folder ? folder : ".", name);
        if (*folder == '/' && !access(candidate, X_OK))
            found = candidate;
        else
            free(candidate);
    }
    free(copy);
    if (!found) {
        error_set(error, ERROR_NOT_FOUND, "there is no program \"%s\" on PATH", name);
        return error_next(error, "PATH is %s", path);
    }
    free(name);
    program->arguments[0] = found;
    return 0;
}

/* A program that asks Kubernetes asks the run's cluster, not the one that somebody's shell points to. */
static int add_kubeconfig(const struct visit *visit, const char *folder, struct program *program,
                          size_t *count, struct error *error)
{
    struct cluster *cluster = visit->cluster;
    char *path = NULL;
    if (!cluster || !cluster->calls->kubeconfig ||
        json_object_get(json_object_get(visit->inputs, "env"), "KUBECONFIG"))
        return 0;
    if (cluster->calls->kubeconfig(cluster, folder, &path, error))
        return -1;
    add_string(&program->environment, count, string_format("KUBECONFIG=%s", path));
    free(path);
    return 0;
}

/* The stated minimum: PATH, HOME, LANG, TZ, PAWL_RUN, PAWL_KEY, KUBECONFIG; `env:` is laid over it. */
static int fill_environment(const struct visit *visit, const char *private_folder, struct program *program,
                            struct error *error)
{
    static const char *const inherited[] = {"PATH", "HOME", "LANG", "TZ"};
    const json_t *env = json_object_get(visit->inputs, "env");
    size_t count = 0;
    for (size_t i = 0; i < sizeof inherited / sizeof *inherited; i++) {
        const char *value = getenv(inherited[i]);
        if (value && !json_object_get(env, inherited[i]))
            add_string(&program->environment, &count, string_format("%s=%s", inherited[i], value));
    }
    add_string(&program->environment, &count, string_format("PAWL_RUN=%lld", (long long)visit->run));
    add_string(&program->environment, &count, string_format("PAWL_KEY=%s", visit->key));
    if (add_kubeconfig(visit, private_folder, program, &count, error))
        return -1;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)env, name, value)
    {
        char *text = secret_reveal(value, error);
        if (!text)
            return error_context(error, "env.%s", name);
        size_t length = strlen(name) + 1 + strlen(text);
        if (length <= LIMIT_ARGUMENT_BYTES)
            add_string(&program->environment, &count, string_format("%s=%s", name, text));
        explicit_bzero(text, strlen(text));
        free(text);
        if (length > LIMIT_ARGUMENT_BYTES)
            return refuse_long(error, length, "env.%s", name);
    }
    return 0;
}

/* `private_folder` is where files go that only the program reads. */
static int fill_program(const struct visit *visit, const char *private_folder, struct program *program,
                        char **out_input, struct error *error)
{
    const json_t *input = json_object_get(visit->inputs, "stdin");
    const char *folder = json_text(visit->inputs, "cwd", NULL);
    *out_input = NULL;
    if (fill_arguments(visit, program, error) || find_program(program, search_path(), error) ||
        fill_environment(visit, private_folder, program, error))
        return -1;
    program->folder = string_copy(folder);
    if (!input || json_is_null(input))
        return 0;
    *out_input = secret_reveal(input, error);
    return *out_input ? 0 : error_context(error, "stdin");
}

/* ---- the bodies ---- */

/* An argument as one would type it: in quotes where a shell would read more than a word. */
static void add_typed(struct text *text, const char *argument)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
    bool quoted = !*argument || argument[strspn(argument, plain)];
    text_add(text, text->length ? " " : "");
    text_add(text, quoted ? "'" : "");
    for (; *argument; argument++)
        if (*argument == '\'')
            text_add(text, "'\\''");
        else
            text_append(text, argument, 1);
    text_add(text, quoted ? "'" : "");
}

/* What it does only the program knows. One that is not there is no refusal: an earlier step may bring it. */
static void plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    (void)world;
    struct program program = {0};
    struct text words = {0};
    struct error error = {0};
    answer->kind = PLAN_UNKNOWN;
    int result = fill_arguments(visit, &program, &error);
    for (char **argument = program.arguments; !result && *argument; argument++)
        add_typed(&words, *argument);
    if (!result)
        result = find_program(&program, search_path(), &error);
    if (result && words.length)
        summary_set(&answer->summary, "runs %s, BUT %s", text_string(&words), error.message);
    else
        summary_set(&answer->summary, result ? "%s" : "runs %s",
                    result ? error.message : text_string(&words));
    text_clear(&words);
    program_clear(&program);
}

static void prepare(const struct visit *visit, struct answer *answer)
{
    struct program program = {0};
    struct error error = {0};
    char *input = NULL;
    json_t *keeper = NULL;
    if (!fill_program(visit, visit->folder, &program, &input, &error))
        keeper = visit->keep(visit, &program, input, &error);
    if (keeper) {
        answer_done(answer, NULL);
        answer->checkpoint = json_pack("{s:o}", "keeper", keeper);
    } else {
        answer_failed(answer, &error);
    }
    if (input)
        explicit_bzero(input, strlen(input));
    free(input);
    program_clear(&program);
}

/* What a program wrote: an output is text, and bounded. */
static json_t *read_text(const char *text, size_t length, const char *name, struct error *error)
{
    const char *nul = memchr(text, '\0', length);
    json_t *value = NULL;
    if (length > LIMIT_COMMAND_STDOUT)
        error_set(error, ERROR_LIMIT, "it wrote %zu bytes to %s, at most %d become an output", length, name,
                  LIMIT_COMMAND_STDOUT);
    else if (nul)
        error_set(error, ERROR_EXIT_STATUS, "what it wrote to %s is no text: byte %td of %zu is NUL", name,
                  nul - text + 1, length);
    else if (!(value = json_stringn(text, length)))
        error_set(error, ERROR_EXIT_STATUS, "what it wrote to %s is not UTF-8", name);
    if (!value)
        error_next(error, "let it write less, and text, or into a file");
    return value;
}

static json_t *read_stdout(const struct child *end, struct error *error)
{
    bool is_full = end->out_length >= LIMIT_CAPTURE_BYTES || end->err_length >= LIMIT_CAPTURE_BYTES;
    if (!end->truncated && !end->unread)
        return read_text(end->out, end->out_length, "stdout", error);
    if (!end->truncated)
        error_set(error, ERROR_SYSTEM, "what it wrote cannot be read again: %s", end->unread);
    else if (is_full)
        error_set(error, ERROR_LIMIT, "it wrote more than the %d bytes that are kept", LIMIT_CAPTURE_BYTES);
    else
        error_set(error, ERROR_SYSTEM, "its output could not be kept beside the store: is the disk full?");
    return NULL;
}

/* An output that cannot be read does not undo what the program has done: the answer says both. */
static void read_end(const struct child *end, struct answer *answer)
{
    struct error error = {0};
    json_t *outputs = json_pack("{s:i}", "exit_code", end->exit_status);
    json_t *out = read_stdout(end, &error);
    json_t *err = end->exit_status ? read_text(end->err, end->err_length, "stderr", NULL) : NULL;
    if (out)
        json_object_set_new(outputs, "stdout", out);
    if (err) /* for the message only */
        json_object_set_new(outputs, "stderr", err);
    answer_done(answer, outputs);
    answer->error = error;
}

static void apply(const struct visit *visit, struct answer *answer)
{
    const struct child *child = visit->child;
    struct error error;
    switch (child->state) {
    case CHILD_RUNNING:
        answer_again(answer, CHILD_LOOK_MS);
        answer->acting = true;
        error_set(&answer->error, ERROR_NOT_YET, "its program is running");
        break;
    case CHILD_EXITED:
        read_end(child, answer);
        break;
    case CHILD_NONE:
        error_set(&error, ERROR_SYSTEM,
                  "it did not run: its keeper could not write beside the store that it was about to");
        error_next(&error, "is the disk full, or failing? Then: pawl resume %lld", (long long)visit->run);
        answer_failed(answer, &error);
        break;
    case CHILD_LOST:
        error_set(&error, ERROR_EXIT_STATUS, "its program is gone, and left no record of its end");
        answer_unknown(answer, &error);
    }
}

static bool is_asked_to_return(void *context)
{
    struct gate *gate = ((const struct visit *)context)->gate;
    return gate && gate_is_closed(gate);
}

/* Of the step's time; INT64_MAX: there is no end to it. */
static int64_t left_ms(const struct visit *visit)
{
    if (!visit->look_until_ms)
        return INT64_MAX;
    struct clock *clock = visit->cluster->clock;
    int64_t left_ms = visit->look_until_ms - clock->steady_ms(clock);
    return left_ms > 0 ? left_ms : 0;
}

/* Where it only observes: the whole of it at once. What a probe would tell is wanted a little longer than its
 * step: it says whether that is half done. */
static int run(const struct visit *visit, const struct program *program, const char *input,
               struct program_output *out, struct error *error)
{
    int64_t time_ms = left_ms(visit);
    struct process_limits limits = {
        .time_ms = time_ms < LIMIT_ASK_MS ? time_ms : LIMIT_ASK_MS,
        .out_bytes = LIMIT_CAPTURE_BYTES,
        .err_bytes = LIMIT_CAPTURE_BYTES,
        .is_unwanted = is_asked_to_return,
        .context = (void *)visit,
        .unwanted_ms = visit->is_probe ? LIMIT_LAST_LOOK_MS : 0,
    };
    return input ? process_run_with_input(program, input, &limits, out, error)
                 : process_run(program, -1, &limits, out, error);
}

/* A look that was cut off because its step is to end has found nothing out: the step ends as it would have
 * otherwise. */
static bool is_cut_off(const struct visit *visit, const struct error *error)
{
    return error->code == ERROR_TIMEOUT && (is_asked_to_return((void *)visit) || !left_ms(visit));
}

static void ask_in(const char *folder, const struct visit *visit, struct answer *answer)
{
    struct program program = {0};
    struct program_output output = {0};
    struct error error = {0};
    char *input = NULL;
    if (fill_program(visit, folder, &program, &input, &error) ||
        run(visit, &program, input, &output, &error)) {
        answer_failed(answer, &error);
        if (is_cut_off(visit, &error))
            answer->kind = ANSWER_TURNED_BACK;
    } else {
        read_end(&(struct child){.exit_status = output.exit_status,
                                 .out = output.out,
                                 .out_length = output.out_length,
                                 .err = output.err,
                                 .err_length = strlen(output.err)},
                 answer);
        if ((error = answer->error).code) { /* it was to tell something, and has not */
            answer_clear(answer);
            answer_failed(answer, &error);
        }
    }
    if (input)
        explicit_bzero(input, strlen(input));
    free(input);
    program_output_clear(&output);
    program_clear(&program);
}

/* In a folder of its own: one that only looks is not prepared, and has none of the engine's. */
static void ask(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    char *folder = folder_temporary("pawl-ask", &error);
    if (!folder) {
        answer_failed(answer, &error);
        return;
    }
    ask_in(folder, visit, answer);
    folder_remove(folder);
    free(folder);
}

const struct step_kind kind_command = {
    .declaration =
        {
            .name = "command",
            .help = "runs a program: argument list, no shell",
            .effect = EFFECT_ONCE,
            .inputs =
                {
                    {.name = "argv",
                     .type = TYPE_LIST,
                     .of_texts = true,
                     .help = "the program and its arguments"},
                    {.name = "env",
                     .type = TYPE_MAP,
                     .of_texts = true,
                     .optional = true,
                     .allows_secret = true,
                     .help = "environment, beside the stated minimum"},
                    {.name = "cwd", .type = TYPE_PATH, .optional = true, .help = "working folder"},
                    {.name = "stdin",
                     .type = TYPE_STRING,
                     .optional = true,
                     .allows_secret = true,
                     .help = "what it reads on standard input"},
                },
            .outputs =
                {
                    {"exit_code", TYPE_INT, "its exit status"},
                    {"stdout", TYPE_STRING, "what it wrote, bounded"},
                },
            .general = true,
            .answers = "exit_code|stdout|json",
        },
    .plan = plan,
    .prepare = prepare,
    .apply = apply,
    .ask = ask,
    .runs_child = true,
};
