#include "exploration/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static const char *const VALUES[POLICY_COUNT][VALUES_MOST] = {
#define X(name, ...) [POLICY_##name] = {__VA_ARGS__},
    POLICIES(X)
#undef X
};

static const char *const IDS[STEPS_MOST] = {"a", "b", "c", "d"};

int policy_value_count(enum policy policy)
{
    int count = 0;
    while (count < VALUES_MOST && VALUES[policy][count])
        count++;
    return count;
}

static bool says(const unsigned char *values, enum policy policy, const char *word)
{
    return !strcmp(VALUES[policy][values[policy]], word);
}

/* The kind `approve` is nothing but its question; who only observes has nothing to prepare but a program, and
 * nothing to undo; what a dead start left is put away after a probe has found it. */
void recipe_settle(struct recipe *recipe)
{
    for (int i = 0; i < recipe->steps; i++) {
        unsigned char *values = recipe->values[i];
        if (says(values, POLICY_ASK, "asks-only")) {
            static const enum policy none[] = {POLICY_EFFECT, POLICY_PROBE, POLICY_BEFORE, POLICY_GUARD,
                                               POLICY_RETRY,  POLICY_UNDO,  POLICY_OUTPUT, POLICY_MEND};
            for (size_t k = 0; k < sizeof none / sizeof *none; k++)
                values[none[k]] = 0;
        }
        bool observes = says(values, POLICY_EFFECT, "observe");
        if (observes)
            values[POLICY_UNDO] = values[POLICY_MEND] = values[POLICY_PROBE] = 0;
        if (observes && says(values, POLICY_BEFORE, "prepare"))
            values[POLICY_BEFORE] = 0;
        if (!values[POLICY_PROBE])
            values[POLICY_MEND] = 0;
    }
}

bool recipe_is_settled(const struct recipe *recipe)
{
    struct recipe settled = *recipe;
    recipe_settle(&settled);
    return !memcmp(&settled, recipe, sizeof settled);
}

bool recipe_has_child(const struct recipe *recipe)
{
    for (int i = 0; i < recipe->steps; i++)
        if (says(recipe->values[i], POLICY_BEFORE, "child") ||
            says(recipe->values[i], POLICY_BEFORE, "child-may-finish"))
            return true;
    return false;
}

bool recipe_undoes_once(const struct recipe *recipe)
{
    for (int i = 0; i < recipe->steps; i++)
        if (says(recipe->values[i], POLICY_EFFECT, "once") &&
            says(recipe->values[i], POLICY_FAILURE, "rollback"))
            return true;
    return false;
}

static json_t *act_json(const char *effect, bool probes, const char *before, bool mends, bool with)
{
    bool child = !strncmp(before, "child", 5);
    json_t *act = json_pack("{s:s,s:s,s:b,s:b,s:b,s:b,s:b}", "uses", "command", "effect", effect, "probes",
                            probes, "prepares", *before != '\0', "runs_child", child, "child_may_finish",
                            !strcmp(before, "child-may-finish"), "mends", mends);
    if (with)
        json_object_set_new(act, "with", json_pack("{s:[s]}", "argv", "/bin/it"));
    return act;
}

static json_t *undo_json(const unsigned char *values)
{
    const char *undo = VALUES[POLICY_UNDO][values[POLICY_UNDO]];
    if (!strcmp(undo, "undo-converge"))
        return act_json("converge", false, "", false, true);
    if (!strcmp(undo, "undo-once-probe"))
        return act_json("once", true, "", false, true);
    if (!strcmp(undo, "undo-once"))
        return act_json("once", false, "", false, true);
    if (!strcmp(undo, "undo-child"))
        return act_json("once", true, "child", false, true);
    if (!strcmp(undo, "own-undo"))
        return act_json("converge", true, "child-may-finish", true, false);
    return NULL;
}

static json_t *way_json(int target)
{
    return json_pack("{s:s,s:i}", "step", IDS[target], "max_visits", VISITS_MOST);
}

/* Which steps look again is not the machine's business: they are asked about, not entered. Where there are
 * two steps, both do. */
static json_t *guards_json(const struct recipe *recipe, int step)
{
    json_t *guards = json_pack("[s]", IDS[step]);
    if (recipe->steps > 1)
        json_array_append_new(guards, json_string(IDS[(step + 1) % recipe->steps]));
    return guards;
}

static void set_policies(const struct recipe *recipe, int step, json_t *object)
{
    const unsigned char *values = recipe->values[step];
    const char *failure = VALUES[POLICY_FAILURE][values[POLICY_FAILURE]];
    if (*failure) {
        json_t *way = json_pack("{s:s}", "do", failure);
        if (says(values, POLICY_FAILURE, "goto"))
            json_object_set_new(way, "way", way_json(0));
        json_object_set_new(object, "on_failure", way);
    }
    if (values[POLICY_RETRY]) {
        json_t *retry = json_pack("{s:i,s:i,s:f}", "attempts", 2, "delay_ms", RETRY_DELAY_MS, "factor", 1.0);
        if (says(values, POLICY_RETRY, "retry-timeout"))
            json_object_set_new(retry, "timeout_ms", json_integer(ATTEMPT_MS));
        json_object_set_new(object, "retry", retry);
    }
    if (values[POLICY_GUARD])
        json_object_set_new(object, "guards", guards_json(recipe, step));
    if (values[POLICY_TIMEOUT])
        json_object_set_new(object, "timeout_ms", json_integer(TIMEOUT_MS));
    if (values[POLICY_NEXT])
        json_object_set_new(object, "next", way_json(0));
    if (values[POLICY_OUTPUT])
        json_object_set_new(object, "outputs",
                            json_pack("[{s:s,s:s,s:b}]", "name", "o", "type", "string", "needed", 1));
}

static json_t *step_json(const struct recipe *recipe, int step)
{
    const unsigned char *values = recipe->values[step];
    bool asks_only = says(values, POLICY_ASK, "asks-only");
    json_t *object = json_pack("{s:s,s:i}", "id", IDS[step], "settle_ms", SETTLE_MS);
    json_t *act = act_json(VALUES[POLICY_EFFECT][values[POLICY_EFFECT]], values[POLICY_PROBE],
                           VALUES[POLICY_BEFORE][values[POLICY_BEFORE]], values[POLICY_MEND], true);
    if (asks_only)
        json_object_update_new(act, json_pack("{s:s,s:{s:s}}", "uses", "approve", "with", "message", "Go?"));
    json_object_set_new(object, "act", act);
    json_t *undo = undo_json(values);
    if (undo)
        json_object_set_new(object, "undo", undo);
    if (asks_only)
        json_object_set_new(object, "asks_only", json_true());
    if (says(values, POLICY_ASK, "approve"))
        json_object_set_new(object, "approve", json_string("Go?"));
    if (says(values, POLICY_CONDITION, "broken-if"))
        json_object_set_new(object, "if", json_string("${params.missing}"));
    else if (values[POLICY_CONDITION])
        json_object_set_new(object, "if",
                            json_string(step ? "${steps.a.status == \"succeeded\"}" : "${params.no}"));
    set_policies(recipe, step, object);
    return object;
}

struct machine *recipe_machine(const struct recipe *recipe)
{
    json_t *steps = json_array();
    for (int i = 0; i < recipe->steps; i++)
        json_array_append_new(steps, step_json(recipe, i));
    json_t *document = json_pack("{s:i,s:s,s:o}", "format", MACHINE_FORMAT, "job", "explored", "steps",
                                 steps);
    if (recipe->lock)
        json_object_set_new(document, "lock", json_string("storage/demo"));
    char *text = json_canonical(document);
    struct error error = {0};
    struct machine *machine = machine_read(text, &error);
    if (!machine) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    free(text);
    json_decref(document);
    return machine;
}

void recipe_print(const struct recipe *recipe, struct text *out)
{
    text_add(out, recipe->lock ? "lock" : "no lock");
    for (int i = 0; i < recipe->steps; i++) {
        text_format(out, "; %s:", IDS[i]);
        for (int policy = 0; policy < POLICY_COUNT; policy++)
            if (*VALUES[policy][recipe->values[i][policy]])
                text_format(out, " %s", VALUES[policy][recipe->values[i][policy]]);
    }
}
