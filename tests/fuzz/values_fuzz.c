/* Any text as a values file, with paths and scalars to set in it. Where the splice succeeds, by an oracle of
 * its own: outside the scalars no byte has changed, the file holds the values as helm's reader sees it and
 * nothing else has changed, a second splice changes nothing, and setting the old bytes back gives the file
 * that was there.
 *
 * An input is the `set` ("PATH=TEXT" lines; TEXT is JSON, or else a spelling), a line "%", the file. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cluster/yaml.h"
#include "steps/difference.h"
#include "steps/values_splice.h"
#include "tests/fuzz/target.h"

const struct fuzz_target fuzz_target = {.name = "values"};

/* A name in the file that no path can mean twice, and so on: what the splice itself must refuse is not
 * filtered here. */
static json_t *read_set(char *lines)
{
    json_t *set = json_object();
    char *line;
    while ((line = strsep(&lines, "\n"))) {
        char *equals = strchr(line, '=');
        if (!equals)
            continue;
        *equals = '\0';
        json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
        if (!value)
            value = json_pack("{s:s}", "spelled", equals + 1);
        if (!value || json_object_set_new(set, line, value))
            continue; /* no UTF-8 */
    }
    return set;
}

/* ---- bytes ---- */

/* What two texts do not have in common lies within the one scalar's bytes. */
static void check_bytes(const char *old, size_t length, const struct splice *splice)
{
    if (!splice->changed) {
        assert(splice->length == length && !memcmp(old, splice->bytes, length));
        return;
    }
    if (splice->changed != 1 || json_object_size(splice->before_raw) != 1)
        return; /* the reverse splice below says it for several */
    const char *raw = json_string_value(json_object_iter_value(json_object_iter(splice->before_raw)));
    size_t raw_length = strlen(raw), same = 0, tail = 0;
    while (same < length && same < splice->length && old[same] == splice->bytes[same])
        same++;
    while (tail < length - same && tail < splice->length - same &&
           old[length - 1 - tail] == splice->bytes[splice->length - 1 - tail])
        tail++;
    assert(length - tail - same <= raw_length);
}

/* ---- meaning ---- */

static json_t *read_as_helm(const char *bytes, size_t length)
{
    struct error error = {0};
    json_t *documents = yaml_documents_read(bytes, length, "values", &error);
    json_t *values = json_array_size(documents) == 1 ? json_incref(json_array_get(documents, 0)) : NULL;
    json_decref(documents);
    return values;
}

static json_t *wanted_value(const json_t *value)
{
    const char *spelled = json_text(value, "spelled", NULL);
    if (json_text(value, "raw", NULL))
        return NULL;
    return spelled ? yaml_scalar(spelled) : json_deep_copy(value);
}

static const json_t *value_at(const json_t *values, const char *path)
{
    char *copy = string_copy(path), *rest = copy, *key;
    while (values && (key = strsep(&rest, ".")))
        values = json_object_get(values, key);
    free(copy);
    return values;
}

static void put_at(json_t *values, const char *path, const json_t *value)
{
    char *copy = string_copy(path), *rest = copy, *key = strsep(&rest, ".");
    while (rest) {
        values = json_object_get(values, key);
        key = strsep(&rest, ".");
    }
    json_object_set(values, key, (json_t *)value);
    free(copy);
}

static void check_meaning(const char *old, size_t length, const struct splice *splice, const json_t *set)
{
    json_t *before = read_as_helm(old, length), *after = read_as_helm(splice->bytes, splice->length), *value;
    const char *path;
    assert(!before || after);
    json_object_foreach((json_t *)set, path, value)
    {
        json_t *wanted = before ? wanted_value(value) : NULL;
        const json_t *found = value_at(after, path);
        /* What is put into quotes becomes a text: the quotes were there, and stay. */
        if (wanted && !json_equal(wanted, found) && !difference_is_none(wanted, found)) {
            const char *spelled = json_text(value, "spelled", NULL);
            char *text = spelled ? string_copy(spelled) : json_canonical(wanted);
            assert(json_is_string(found) && !strcmp(json_string_value(found), text));
            free(text);
        }
        if (wanted)
            put_at(before, path, found ? found : json_null());
        json_decref(wanted);
    }
    assert(!before || json_equal(before, after));
    json_decref(before);
    json_decref(after);
}

/* ---- there and back ---- */

static void check_again(const struct splice *first, const json_t *set)
{
    struct splice second;
    struct error error = {0};
    int result = values_splice(first->bytes, first->length, "values", set, &second, &error);
    assert(!result && !second.changed);
    splice_clear(&second);
}

static void check_way_back(const char *old, size_t length, const struct splice *splice)
{
    struct splice back;
    struct error error = {0};
    json_t *set = json_object(), *raw;
    const char *path;
    json_object_foreach(splice->before_raw, path, raw)
        json_object_set_new(set, path, json_pack("{s:O}", "raw", raw));
    int result = values_splice(splice->bytes, splice->length, "values", set, &back, &error);
    assert(!result);
    assert(back.length == length && !memcmp(back.bytes, old, length));
    splice_clear(&back);
    json_decref(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct sections sections;
    struct splice splice;
    struct error error = {0};
    sections_read(bytes, length, &sections);
    if (sections.count >= 2) {
        json_t *set = read_set(sections.texts[0]);
        const char *file = sections.texts[1];
        /* The file as values_file_read hands it on: UTF-8 without NUL. */
        json_t *text = json_stringn(file, sections.lengths[1]);
        if (text && strlen(file) == sections.lengths[1]) {
            if (!values_splice(file, sections.lengths[1], "values", set, &splice, &error)) {
                check_bytes(file, sections.lengths[1], &splice);
                check_meaning(file, sections.lengths[1], &splice, set);
                check_again(&splice, set);
                check_way_back(file, sections.lengths[1], &splice);
                splice_clear(&splice);
            } else {
                assert(error.code && error.message[0]);
            }
        }
        json_decref(text);
        json_decref(set);
    }
    sections_clear(&sections);
    return 0;
}
