/* Splicing: by hand-written cases, and by a property over generated YAML. SEED=N repeats a run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "steps/values_splice.h"
#include "steps/values_tree.h"
#include "suite.h"

#define ck_assert_says(text, part) ck_assert_msg(strstr(text, part) != NULL, "%s", text)

/* Single quotes stand for double ones in the `set`. */
static json_t *set_read(const char *text)
{
    char *copy = string_copy(text);
    for (char *quote = copy; (quote = strchr(quote, '`')); quote++)
        *quote = '"';
    json_t *set = json_loads(copy, 0, NULL);
    ck_assert_msg(set != NULL, "%s", copy);
    free(copy);
    return set;
}

static void becomes(const char *before, const char *set_text, const char *after)
{
    struct splice splice;
    struct error error = {0};
    json_t *set = set_read(set_text);
    ck_assert_msg(!values_splice(before, strlen(before), "values.yaml", set, &splice, &error), "%s: %s",
                  before, error.message);
    ck_assert_str_eq(splice.bytes, after);
    ck_assert_uint_eq(splice.length, strlen(after));
    ck_assert_int_eq(splice.changed > 0, strcmp(before, after) != 0);
    /* And back again, by the bytes that were there. */
    json_t *back = json_object(), *raw;
    const char *path;
    struct splice undone;
    json_object_foreach(splice.before_raw, path, raw)
        json_object_set_new(back, path, json_pack("{s:O}", "raw", raw));
    ck_assert_int_eq(values_splice(splice.bytes, splice.length, "values.yaml", back, &undone, &error), 0);
    if (!strstr(before, "empty"))
        ck_assert_str_eq(undone.bytes, before);
    splice_clear(&undone);
    splice_clear(&splice);
    json_decref(back);
    json_decref(set);
}

static void is_refused(const char *before, const char *set_text, const char *message)
{
    struct splice splice;
    struct error error = {0};
    json_t *set = set_read(set_text);
    ck_assert_msg(values_splice(before, strlen(before), "values.yaml", set, &splice, &error), "%s", before);
    ck_assert_says(error.message, message);
    json_decref(set);
}

START_TEST(only_the_scalar_changes)
{
    becomes("# head\nchunk: # servers\n  replicaCount: 4   # four\n\nmeta: {replicaCount: 3}\n",
            "{`chunk.replicaCount`: 3}",
            "# head\nchunk: # servers\n  replicaCount: 3   # four\n\nmeta: {replicaCount: 3}\n");
    becomes("a: {b: 4, c: 5}", "{`a.b`: 10, `a.c`: 11}", "a: {b: 10, c: 11}");
    becomes("a:\r\n  b: 4\r\nc: x\r\n", "{`a.b`: 3}", "a:\r\n  b: 3\r\nc: x\r\n");
    becomes("\xEF\xBB\xBF# ü\na: 4", "{`a`: 3}", "\xEF\xBB\xBF# ü\na: 3");
    becomes("é: {ü: 4} # ö\nb: \xF0\x9F\x98\x80\n", "{`é.ü`: 3}", "é: {ü: 3} # ö\nb: \xF0\x9F\x98\x80\n");
    becomes("x: &a {q: 1}\ny: *a\nb: 4\n", "{`b`: 3}", "x: &a {q: 1}\ny: *a\nb: 3\n");
    becomes("---\na: 4\n...\n", "{`a`: 3}", "---\na: 3\n...\n");
    becomes("? [p, q]\n: {a: 1}\na: 4\n", "{`a`: 3}", "? [p, q]\n: {a: 1}\na: 3\n");
    becomes("\"a\": {'b': 4}\n", "{`a.b`: 3}", "\"a\": {'b': 3}\n");
    becomes("l:\n- a: 1\n- a: 2\na: 4\n", "{`a`: 3}", "l:\n- a: 1\n- a: 2\na: 3\n");
}
END_TEST

START_TEST(the_old_quoting_stays_where_it_can_hold_the_value)
{
    becomes("a: \"4\"\n", "{`a`: 3}", "a: \"3\"\n");
    becomes("a: '4'\n", "{`a`: 3}", "a: '3'\n");
    becomes("a: 'x'\n", "{`a`: `it's`}", "a: 'it''s'\n");
    becomes("a: 'x'\n", "{`a`: `two\\nlines`}", "a: \"two\\x0Alines\"\n");
    becomes("a: x\n", "{`a`: `y # z`}", "a: \"y # z\"\n");
    becomes("a: x\n", "{`a`: `true`}", "a: \"true\"\n");
    becomes("a: x\n", "{`a`: `no`}", "a: \"no\"\n");
    becomes("a: x\n", "{`a`: `1.10`}", "a: \"1.10\"\n");
    becomes("a: x\n", "{`a`: ``}", "a: \"\"\n");
    becomes("a: x\n", "{`a`: {`spelled`: `1.10`}}", "a: 1.10\n");
    becomes("a: x\n", "{`a`: true}", "a: true\n");
    becomes("a: \"x\"\n", "{`a`: null}", "a: null\n");
    becomes("a: {b: x}\n", "{`a.b`: `y, z`}", "a: {b: \"y, z\"}\n");
    becomes("a: x\n", "{`a`: `-`}", "a: \"-\"\n");
    becomes("a: x\n", "{`a`: `b: c`}", "a: \"b: c\"\n");
    becomes("a: 1.0.0\n", "{`a`: `img:v1`}", "a: img:v1\n");
}
END_TEST

START_TEST(what_is_so_already_stays_as_it_is)
{
    becomes("a: \"3\"\n", "{`a`: 3}", "a: \"3\"\n");
    becomes("a: 3\n", "{`a`: 3}", "a: 3\n");
    becomes("a: 3\n", "{`a`: `3`}", "a: \"3\"\n"); /* a text was asked for */
}
END_TEST

START_TEST(a_key_without_a_value_gets_one)
{
    becomes("a: # empty\nb: 1\n", "{`a`: 3}", "a: 3 # empty\nb: 1\n");
    becomes("a:\nb: 1 # empty\n", "{`a`: 3}", "a: 3\nb: 1 # empty\n");
}
END_TEST

START_TEST(what_cannot_be_meant_is_refused_with_its_line)
{
    is_refused("chunk:\n  size: 1\n", "{`chunk.replicaCount`: 3}",
               "line 1: \"chunk\" has no key \"replicaCount\"");
    is_refused("a: 1\n", "{`b.c`: 3}", "values.yaml has no key \"b.c\"");
    is_refused("a: 1\n", "{`a.b`: 3}", "line 1: \"a\" is a scalar");
    is_refused("l: [1]\n", "{`l.x`: 3}", "line 1: \"l\" is a list");
    is_refused("x: 0\na: 1\na: 2\n", "{`a`: 3}", "line 3: \"a\" stands there twice, first on line 2");
    is_refused("a: {b: 1}\nc: 1\na: {d: 2}\n", "{`a.b`: 3}",
               "line 3: \"a\" stands there twice, first on line 1");
    is_refused("b: &x 1\na: *x\n", "{`a`: 3}", "line 2: \"a\" is an alias, not a scalar");
    is_refused("b: &x 1\na: *x\n", "{`b`: 3}", "line 1: \"b\" carries an anchor");
    is_refused("b: &x {c: 1}\na: *x\n", "{`b.c`: 3}", "it would change there as well");
    is_refused("b: &x {c: 1}\na: *x\n", "{`a.c`: 3}", "line 2: \"a\" is an alias");
    is_refused("a: {b: 1}\n", "{`a`: 3}", "line 1: \"a\" is a map, not a scalar");
    is_refused("a: [1]\n", "{`a`: 3}", "line 1: \"a\" is a list, not a scalar");
    is_refused("a: !!str 1\n", "{`a`: 3}", "line 1: \"a\" carries a tag");
    is_refused("z: 1\na: |\n  text\n", "{`a`: 3}", "line 2: \"a\" is a block scalar");
    is_refused("z: 1\na.b: 1\n", "{`a.b`: 3}", "line 2: \"a.b\" leads through a key that has a dot itself");
    is_refused("a: 1\n---\na: 2\n", "{`a`: 3}", "line 2: a second document");
    is_refused("a: [1\n", "{`a`: 3}", "not YAML");
    is_refused("", "{`a`: 3}", "values.yaml has no key \"a\"");
    is_refused("a: 1\n", "{`a`: [1]}", "can be set to a scalar only");
    is_refused("{a}\n", "{`a`: 3}", "has no value");
}
END_TEST

/* ---- the property ---- */

static unsigned long long seed, state;

static unsigned int roll(unsigned int sides)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned int)(state >> 33) % sides;
}

static const char *pick(const char *const *texts, unsigned int count)
{
    return texts[roll(count)];
}

#define PICK(texts) pick(texts, sizeof(texts) / sizeof *(texts))

static const char *line_end;

static void gap(struct text *out)
{
    static const char *const comments[] = {" # four", "", "", " # ümlaut: {x}", "   "};
    static const char *const lines[] = {"", "", "", "# alone", "  # in", ""};
    text_format(out, "%s%s", PICK(comments), line_end);
    const char *line = PICK(lines);
    if (*line)
        text_format(out, "%s%s", line, line_end);
}

static void scalar(struct text *out)
{
    static const char *const scalars[] = {
        "4",       "\"4\"",  "'four'", "1.10", "true", "~",        "plain text", "\"q \\\" \\u00fc\"",
        "'it''s'", "img:v1", "0x1F",   "a#b",  "ä ö",  "\"# no\"", "null",       "-1",
    };
    text_add(out, PICK(scalars));
}

/* Appends a map in block style; its keys are unique. */
static void block_map(struct text *out, int depth, int indent)
{
    static const char *const names[] = {"a", "bé", "replicaCount", "\"q\"", "'s'", "x-y"};
    unsigned int count = 1 + roll(5);
    for (unsigned int i = 0; i < count; i++) {
        text_format(out, "%*s%s:", indent, "", names[i]);
        unsigned int kind = depth < 4 ? roll(8) : 0;
        if (kind <= 3) {
            text_add(out, " ");
            scalar(out);
            gap(out);
        } else if (kind <= 5) {
            gap(out);
            block_map(out, depth + 1, indent + 2);
        } else if (kind == 6) {
            text_add(out, " {f: ");
            scalar(out);
            text_add(out, ", g: [1, {h: ");
            scalar(out);
            text_add(out, "}]}");
            gap(out);
        } else {
            text_format(out, " |%s%*sblock: 1%s", line_end, indent + 2, "", line_end);
        }
    }
}

static char *generate(void)
{
    struct text out = {0};
    line_end = roll(3) ? "\n" : "\r\n";
    if (!roll(4))
        text_add(&out, "\xEF\xBB\xBF");
    if (!roll(4))
        text_format(&out, "# head%s---%s", line_end, line_end);
    block_map(&out, 0, 0);
    char *text = text_take(&out);
    if (!roll(3)) /* no final newline */
        text[strlen(text) - strlen(line_end)] = '\0';
    return text;
}

static char *path_of(const struct values_tree *tree, int node)
{
    char *path = string_copy(tree->nodes[node].key);
    for (int at = tree->nodes[node].parent; tree->nodes[at].parent != VALUES_NO_PARENT;
         at = tree->nodes[at].parent) {
        char *longer = string_format("%s.%s", tree->nodes[at].key, path);
        free(path);
        path = longer;
    }
    return path;
}

/* Reachable by keys alone. */
static bool is_candidate(const struct values_tree *tree, int node)
{
    if (tree->nodes[node].kind != VALUES_SCALAR || tree->nodes[node].style == VALUES_BLOCK)
        return false;
    for (int at = node; tree->nodes[at].parent != VALUES_NO_PARENT; at = tree->nodes[at].parent)
        if (!tree->nodes[at].key)
            return false;
    return tree->nodes[node].parent != VALUES_NO_PARENT;
}

static const char *const new_values[] = {
    "3",   "`3`",   "true",  "`true`", "`text: #1`", "`it's`",    "`a\\nb`", "``",        "`ü\\u2028`",
    "1.5", "`- x`", "`{x}`", "`1.10`", "`yes`",      "`\\u0001`", "-7",      "`c:\\\\d`", "`\\u0085`"};

/* Everything but the cut scalar is where it was. */
static void check_bytes(const char *before, const struct splice *splice, const struct values_node *old)
{
    size_t tail = strlen(before) - old->end;
    ck_assert_msg(!memcmp(before, splice->bytes, old->start), "SEED=%llu: before", seed);
    ck_assert_msg(splice->length >= old->start + tail &&
                      !memcmp(before + old->end, splice->bytes + splice->length - tail, tail),
                  "SEED=%llu: behind\n%s\n%s", seed, before, splice->bytes);
}

static void check_nodes(const struct values_tree *old, const struct values_tree *new, int node,
                        const json_t *value)
{
    ck_assert_msg(old->count == new->count, "SEED=%llu: another structure", seed);
    for (int i = 0; i < old->count; i++) {
        bool same = old->nodes[i].kind == new->nodes[i].kind &&
                    old->nodes[i].parent == new->nodes[i].parent &&
                    (!old->nodes[i].text || !strcmp(old->nodes[i].text, new->nodes[i].text));
        ck_assert_msg(same || i == node, "SEED=%llu: node %d changed too", seed, i);
    }
    char *text = json_is_string(value) ? string_copy(json_string_value(value)) : json_canonical(value);
    ck_assert_msg(!strcmp(text, new->nodes[node].text), "SEED=%llu: %s is no %s", seed, new->nodes[node].text,
                  text);
    free(text);
}

static void try_one(const char *text, const struct values_tree *tree, int node)
{
    struct splice splice;
    struct values_tree after;
    struct error error = {0};
    char *path = path_of(tree, node), *value_text = string_format("{`v`: %s}", PICK(new_values));
    json_t *wrapped = set_read(value_text), *value = json_object_get(wrapped, "v");
    json_t *set = json_pack("{s:O}", path, value);
    ck_assert_msg(!values_splice(text, strlen(text), "generated", set, &splice, &error), "SEED=%llu: %s\n%s",
                  seed, error.message, text);
    check_bytes(text, &splice, &tree->nodes[node]);
    ck_assert_int_eq(values_tree_read(splice.bytes, splice.length, "result", &after, &error), 0);
    check_nodes(tree, &after, node, value);
    values_tree_clear(&after);
    splice_clear(&splice);
    json_decref(set);
    json_decref(wrapped);
    free(value_text);
    free(path);
}

START_TEST(property_only_the_meant_scalar_changes)
{
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 10) : (unsigned long long)time(NULL);
    printf("values_splice: SEED=%llu\n", seed);
    state = seed;
    int spliced = 0;
    for (int round = 0; round < 2000; round++) {
        char *text = generate();
        struct values_tree tree;
        struct error error = {0};
        ck_assert_msg(!values_tree_read(text, strlen(text), "generated", &tree, &error), "SEED=%llu: %s\n%s",
                      seed, error.message, text);
        for (int i = 0; i < tree.count; i++)
            if (is_candidate(&tree, i) && !roll(3)) {
                try_one(text, &tree, i);
                spliced++;
            }
        values_tree_clear(&tree);
        free(text);
    }
    ck_assert_int_gt(spliced, 1000);
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("values_splice");
    TCase *behaviour = tcase_create("behaviour");
    tcase_set_timeout(behaviour, 60);
    tcase_add_test(behaviour, only_the_scalar_changes);
    tcase_add_test(behaviour, the_old_quoting_stays_where_it_can_hold_the_value);
    tcase_add_test(behaviour, what_is_so_already_stays_as_it_is);
    tcase_add_test(behaviour, a_key_without_a_value_gets_one);
    tcase_add_test(behaviour, what_cannot_be_meant_is_refused_with_its_line);
    tcase_add_test(behaviour, property_only_the_meant_scalar_changes);
    suite_add_tcase(suite, behaviour);
    return suite_run(suite);
}
