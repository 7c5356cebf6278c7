/* The machine, by scenarios in text: the files of tests/unit/scenarios. Each script compiles a job and feeds
 * the machine by hand; under every block of commands stands what was recorded and ordered. With UPDATE=1 the
 * expected texts are written anew: read the difference before you keep it.
 *
 *   machine                            the job file that follows, and its first run
 *   anew                               another run of the same job begins
 *   submit [paused] [waits-for-lock]   run_submitted; with lock_acquired where the job has a lock
 *   claim [quiet]                      a driver takes the run up, knowing only what is durable (also: the one
 *                                      before was killed); quiet: a person's command follows at once
 *   after DURATION                     time passes, then the driver looks; also while a body is out
 *   acts                               the body that is out passes the gate and sends
 *   plan ok | plan refused WHY         prepared [CHECKPOINT] [guard=ID] | prepare-failed WHY [transient]
 *   guard-refused WHY [transient]      body done [OUTPUTS] | failed WHY [transient] | again DURATION [acting]
 *                                      [CHECKPOINT] | unknown WHY | turned-back
 *   probe done [OUTPUTS] | not-done [mend] [touched] | in-progress DURATION | cannot-tell WHY [transient]
 *   mended | mend-failed WHY [transient]
 *   child none|running|exited|lost     how the child of the latest start stands; foreign: on another host
 *   lock taken | stop                  the store's lock is ours | the driver gets a signal
 *   say COMMAND key=value…             a person's command; outputs=JSON
 *   … much=N                           one of the outputs, "stdout", has N bytes
 *   show STEP                          what is remembered of a step */
#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "jobs/diagnostic.h"
#include "jobs/job.h"
#include "unit/scenario_world.h"

static json_t *read_json(const char *text)
{
    struct error error = {0};
    json_t *value = text ? json_read(text, strlen(text), 1 << 20, "the script", &error) : json_object();
    ck_assert_msg(value, "%s: %s", error.message, text);
    return value;
}

/* The first word from the second on that is JSON. */
static const char *json_word(const struct line *line)
{
    for (int i = 1; i < line->count; i++)
        if (line->words[i][0] == '{')
            return line->words[i];
    return NULL;
}

/* The outputs that a line gives; much=N adds one of so many bytes. */
static json_t *read_outputs(const struct line *line, const char *text)
{
    json_t *outputs = read_json(text);
    const char *much = line_value(line, "much");
    if (much) {
        char *value = memory_new((size_t)atoi(much) + 1);
        memset(value, 'x', (size_t)atoi(much));
        json_object_set_new(outputs, "stdout", json_string(value));
        free(value);
    }
    return outputs;
}

static struct error read_why(const struct line *line, int index)
{
    struct error why;
    error_set(&why, line_says(line, "transient") ? ERROR_CLUSTER_UNREACHABLE : ERROR_REFUSED, "%s",
              line_word(line, index));
    return why;
}

/* ---- commands of a script ---- */

static void do_machine(struct world *world, const char *yaml)
{
    struct diagnostics diagnostics = {0};
    struct error error = {0};
    machine_free(world_end(world));
    world_begin(world, NULL);
    struct job *job = job_read(yaml, strlen(yaml), "job.yaml", step_declaration_find, step_declarations,
                               &diagnostics);
    diagnostics_print(&diagnostics, false, &world->out);
    diagnostics_clear(&diagnostics);
    if (!job)
        return;
    char *text = machine_compile(job, &error);
    world->machine = text ? machine_read(text, &error) : NULL;
    ck_assert_msg(world->machine, "%s", error.message);
    text_format(&world->out, "  %d steps\n", world->machine->step_count);
    free(text);
    job_free(job);
}

static void do_submit(struct world *world, const struct line *line)
{
    json_t *body = json_pack("{s:s,s:{},s:{},s:s}", "job", world->machine->job, "params", "vars", "folder",
                             "/");
    if (world->machine->lock)
        json_object_set_new(body, "lock", json_string(world->machine->lock));
    if (line_says(line, "paused"))
        json_object_set_new(body, "paused", json_true());
    if (line_says(line, "waits-for-lock"))
        json_object_set_new(body, "waits_for_lock", json_true());
    world_submit(world, body);
}

static void do_claim(struct world *world, const struct line *line)
{
    world_claim(world, !line_says(line, "quiet"));
}

static void do_after(struct world *world, const struct line *line)
{
    world->now_ms += read_ms(line_word(line, 1));
    world_tick(world);
}

static void do_acts(struct world *world, const struct line *line)
{
    (void)line;
    if (!world->body)
        text_add(&world->out, "  no body is out\n");
    if (!world->body || gate_pass(&world->gate))
        return;
    text_add(&world->out, "  turned back at the gate\n");
    world_return(world, &(struct stimulus){.kind = STIMULUS_TURNED_BACK});
}

static void do_plan(struct world *world, const struct line *line)
{
    struct error why = read_why(line, 2);
    bool ok = line_says(line, "ok");
    world_return(world,
                 &(struct stimulus){.kind = ok ? STIMULUS_PLAN_OK : STIMULUS_PLAN_REFUSED, .error = &why});
}

/* A stimulus that carries an answer; .act_ended as body.c notes it. */
static void return_answer(struct world *world, enum stimulus_kind kind, struct answer *answer, json_t *guards)
{
    bool ends = world->live->out == ORDER_APPLY && (kind != STIMULUS_BODY_AGAIN || !answer->acting);
    if (ends)
        world->live->act_ended_ms = world->now_ms;
    world_return(world, &(struct stimulus){.kind = kind, .answer = answer, .guards = guards});
    answer_clear(answer);
    json_decref(guards);
}

static json_t *guard_record(const char *id, bool agrees)
{
    return json_pack("[{s:s,s:b}]", "guard", id, "ok", agrees);
}

static void do_prepared(struct world *world, const struct line *line)
{
    const char *guard = line_value(line, "guard");
    struct answer answer = {.kind = ANSWER_DONE};
    if (json_word(line))
        answer.checkpoint = read_json(json_word(line));
    world->keeper = machine_act_in_hand(world->run)->runs_child;
    world->child = CHILD_NONE;
    return_answer(world, STIMULUS_PREPARED, &answer, guard ? guard_record(guard, true) : NULL);
}

static void do_prepare_failed(struct world *world, const struct line *line)
{
    struct answer answer = {.error = read_why(line, 1), .transient = line_says(line, "transient")};
    return_answer(world, STIMULUS_PREPARE_FAILED, &answer, NULL);
}

static void do_guard_refused(struct world *world, const struct line *line)
{
    const struct machine_step *step = &world->machine->steps[world->run->step];
    struct answer answer = {.error = read_why(line, 1), .transient = line_says(line, "transient")};
    return_answer(world, STIMULUS_GUARD_REFUSED, &answer,
                  guard_record(world->machine->steps[step->guards[0]].id, false));
}

static void do_body(struct world *world, const struct line *line)
{
    static const char *const names[] = {"done", "failed", "again", "unknown", "turned-back"};
    static const enum stimulus_kind kinds[] = {STIMULUS_BODY_DONE, STIMULUS_BODY_FAILED, STIMULUS_BODY_AGAIN,
                                               STIMULUS_BODY_UNKNOWN, STIMULUS_TURNED_BACK};
    int kind = 0;
    while (kind < 5 && strcmp(names[kind], line_word(line, 1)))
        kind++;
    ck_assert_msg(kind < 5, "no answer: %s", line_word(line, 1));
    struct answer answer = {.kind = (enum answer_kind)kind,
                            .transient = line_says(line, "transient"),
                            .acting = line_says(line, "acting")};
    if (kind == ANSWER_DONE)
        answer.outputs = read_outputs(line, json_word(line));
    if ((kind == ANSWER_DONE || kind == ANSWER_FAILED) && world->child == CHILD_RUNNING)
        world->child = CHILD_EXITED;
    if (kind == ANSWER_FAILED || kind == ANSWER_UNKNOWN)
        answer.error = read_why(line, 2);
    if (kind == ANSWER_AGAIN) {
        answer.after_ms = read_ms(line_word(line, 2));
        answer.checkpoint = json_word(line) ? read_json(json_word(line)) : NULL;
        error_set(&answer.error, ERROR_NOT_YET, "not yet");
    }
    return_answer(world, kinds[kind], &answer, NULL);
}

static void do_probe_answer(struct world *world, const struct line *line)
{
    static const char *const names[] = {"done", "not-done", "in-progress", "cannot-tell"};
    static const enum stimulus_kind kinds[] = {STIMULUS_PROBE_DONE, STIMULUS_PROBE_NOT_DONE,
                                               STIMULUS_PROBE_IN_PROGRESS, STIMULUS_PROBE_CANNOT_TELL};
    int kind = 0;
    while (kind < 4 && strcmp(names[kind], line_word(line, 1)))
        kind++;
    ck_assert_msg(kind < 4, "no answer: %s", line_word(line, 1));
    struct probe_answer answer = {.kind = (enum probe_kind)kind,
                                  .mend = line_says(line, "mend"),
                                  .touched = line_says(line, "touched")};
    if (kind == PROBE_DONE)
        answer.outputs = read_outputs(line, json_word(line));
    if (answer.mend)
        answer.found = json_pack("{s:i}", "revision", 13);
    if (kind == PROBE_IN_PROGRESS)
        answer.after_ms = read_ms(line_word(line, 2));
    if (kind >= PROBE_IN_PROGRESS)
        answer.error = read_why(line, 2);
    world_return(world, &(struct stimulus){.kind = kinds[kind], .probe = &answer});
    probe_answer_clear(&answer);
}

static void do_mended(struct world *world, const struct line *line)
{
    struct answer answer = {.kind = ANSWER_DONE};
    (void)line;
    return_answer(world, STIMULUS_MENDED, &answer, NULL);
}

static void do_mend_failed(struct world *world, const struct line *line)
{
    struct answer answer = {.error = read_why(line, 1), .transient = line_says(line, "transient")};
    return_answer(world, STIMULUS_MEND_FAILED, &answer, NULL);
}

static void do_child(struct world *world, const struct line *line)
{
    static const char *const names[] = {"none", "running", "exited", "lost"};
    for (int i = 0; i < 4; i++)
        if (line_says(line, names[i]))
            world->child = (enum child_state)i;
    world->foreign = line_says(line, "foreign");
}

static void do_lock(struct world *world, const struct line *line)
{
    (void)line;
    world_decide(world, &(struct stimulus){.kind = STIMULUS_LOCK_TAKEN});
}

static void do_stop(struct world *world, const struct line *line)
{
    (void)line;
    world->stopping = true;
    world_tick(world);
}

static void do_random(struct world *world, const struct line *line)
{
    world->random = line_says(line, "low") ? 0 : line_says(line, "high") ? UINT64_MAX : RANDOM_MIDDLE;
}

static void do_say(struct world *world, const struct line *line)
{
    json_t *body = json_object();
    for (int i = 2; i < line->count; i++) {
        const char *equals = strchr(line->words[i], '=');
        ck_assert_msg(equals, "no key=value: %s", line->words[i]);
        char *key = string_format("%.*s", (int)(equals - line->words[i]), line->words[i]);
        json_t *value = !strcmp(key, "outputs") ? read_outputs(line, equals + 1)
                        : !strcmp(key, "visit") ? json_integer(atoi(equals + 1))
                                                : json_string(equals + 1);
        json_object_set_new(body, key, value);
        free(key);
    }
    struct run_command command = {.name = line_word(line, 1), .body = body, .actor = "ann"};
    world_command(world, &command);
    json_decref(body);
}

static void do_show(struct world *world, const struct line *line)
{
    int index = machine_step_index(world->machine, line_word(line, 1));
    ck_assert_msg(index >= 0, "no step: %s", line_word(line, 1));
    const struct run_step *step = &world->run->steps[index];
    char *outputs = json_canonical(step->outputs);
    text_format(&world->out, "  %s %s, visit %d, attempt %d, spent %.3f s, outputs %s\n", line_word(line, 1),
                step_status_text(step->status), step->visit, step->attempt,
                (double)step->spent_ms / (double)SECOND_MS, outputs);
    free(outputs);
}

static const struct {
    const char *name;
    void (*run)(struct world *, const struct line *);
} COMMANDS[] = {
    {"submit", do_submit},
    {"claim", do_claim},
    {"after", do_after},
    {"acts", do_acts},
    {"plan", do_plan},
    {"prepared", do_prepared},
    {"body", do_body},
    {"probe", do_probe_answer},
    {"mended", do_mended},
    {"mend-failed", do_mend_failed},
    {"child", do_child},
    {"lock", do_lock},
    {"stop", do_stop},
    {"random", do_random},
    {"say", do_say},
    {"show", do_show},
    {"prepare-failed", do_prepare_failed},
    {"guard-refused", do_guard_refused},
};

static void run_line(struct world *world, const char *text)
{
    struct line line = line_read(text);
    size_t i = 0;
    while (i < sizeof COMMANDS / sizeof *COMMANDS && strcmp(COMMANDS[i].name, line_word(&line, 0)))
        i++;
    ck_assert_msg(i < sizeof COMMANDS / sizeof *COMMANDS, "no command: %s", text);
    COMMANDS[i].run(world, &line);
    free(line.text);
}

/* ---- scripts ---- */

/* One block: its lines up to `----`. `machine` takes the rest of its block as input; other lines are commands
 * each, and where there are several, each is named above what it gave. */
static void run_block(struct world *world, char *block)
{
    char *rest = strchr(block, '\n');
    if (!strncmp(block, "machine\n", 8)) {
        do_machine(world, rest + 1);
        return;
    }
    bool several = rest && rest[1];
    for (char *at = block, *end; *at; at = end) {
        end = strchr(at, '\n');
        *end++ = '\0';
        if (several)
            text_format(&world->out, "%s\n", at);
        run_line(world, at);
    }
}

static const char *line_end(const char *at)
{
    const char *end = strchr(at, '\n');
    return end ? end + 1 : at + strlen(at);
}

/* Runs a script: the same text with what really came out. */
static char *run_script(const char *script)
{
    struct text whole = {0};
    struct world world;
    world_begin(&world, NULL);
    for (const char *at = script; *at;) {
        if (*at == '#' || *at == '\n') {
            text_append(&whole, at, (size_t)(line_end(at) - at));
            at = line_end(at);
            continue;
        }
        const char *bar = strstr(at, "\n----\n");
        ck_assert_msg(bar, "no ---- follows: %.60s", at);
        char *block = string_format("%.*s\n", (int)(bar - at), at);
        text_format(&whole, "%s----\n", block);
        if (!strcmp(block, "anew\n")) {
            world_begin(&world, world_end(&world));
        } else {
            run_block(&world, block);
        }
        text_add(&whole, text_string(&world.out));
        text_clear(&world.out);
        free(block);
        for (at = bar + 6; *at && *at != '\n';) /* the old output ends with an empty line */
            at = line_end(at);
    }
    machine_free(world_end(&world));
    return text_take(&whole);
}

static void show_difference(const char *path, const char *expected, const char *got)
{
    int line = 1;
    while (*expected && *got) {
        size_t length = (size_t)(line_end(expected) - expected);
        if (length != (size_t)(line_end(got) - got) || strncmp(expected, got, length))
            break;
        expected += length;
        got += length;
        line++;
    }
    ck_abort_msg("%s:%d\nexpected: %.*s\ngot:      %.*s", path, line, (int)(line_end(expected) - expected),
                 expected, (int)(line_end(got) - got), got);
}

static void check_script(const char *path)
{
    struct error error = {0};
    size_t length;
    char *script = file_read(path, 1 << 20, &length, &error);
    ck_assert_msg(script, "%s", error.message);
    char *got = run_script(script);
    if (getenv("UPDATE") && *getenv("UPDATE"))
        ck_assert_msg(!file_replace(path, got, strlen(got), 0644, &error), "%s", error.message);
    else if (strcmp(script, got))
        show_difference(path, script, got);
    free(script);
    free(got);
}

START_TEST(scenarios_go_as_written)
{
    glob_t found;
    const char *only = getenv("SCENARIO");
    ck_assert_int_eq(glob(only ? only : "tests/unit/scenarios/*.txt", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check_script(found.gl_pathv[i]);
    globfree(&found);
}
END_TEST

/* A row that no scenario takes is dead or untested. */
START_TEST(every_row_of_the_table_is_taken)
{
    enum { TOLD = 10 };
    struct text never = {0};
    int count = 0;
    for (int i = 0; i < machine_row_count() && !getenv("SCENARIO"); i++)
        if (!machine_rows_taken[i] && count++ < TOLD)
            text_format(&never, "%s\n", machine_row_name(i));
    ck_assert_msg(!count, "%d are never taken:\n%s", count, text_string(&never));
    text_clear(&never);
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("scenario");
    TCase *tcase = tcase_create("machine");
    tcase_add_test(tcase, scenarios_go_as_written);
    tcase_add_test(tcase, every_row_of_the_table_is_taken);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* the second test counts what the first has taken */
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
