/* Values of a job file: literals take the type that is expected, what holds `${…}` becomes a site. */
#include <stdio.h>
#include <string.h>

#include "jobs/reading.h"
#include "jobs/scalar.h"
#include "jobs/template.h"

static json_t *value_new(struct reading *reading, const struct document_node *node, const struct wish *wish);

static const char *with_article(enum value_type type, char *buffer, size_t size)
{
    snprintf(buffer, size, "%s %s", type == TYPE_INT ? "an" : "a",
             type == TYPE_STRING ? "text" : value_type_text(type));
    return buffer;
}

static bool is_container(enum value_type type)
{
    return type == TYPE_LIST || type == TYPE_MAP;
}

/* ---- literals ---- */

static void report_literal(struct reading *reading, const struct document_node *node, const struct wish *wish,
                           enum scalar_fault fault)
{
    char type[32];
    with_article(wish->type, type, sizeof type);
    switch (fault) {
    case SCALAR_EMPTY:
        report(reading, "E0112", node->place,
               wish->type == TYPE_STRING ? "an empty text is written ''" : NULL,
               "%s must be %s, and is empty", wish->what, type);
        break;
    case SCALAR_QUOTED:
        report(reading, "E0112", node->place, "without the quotes",
               "%s must be %s; a quoted value is always a text", wish->what, type);
        break;
    case SCALAR_RANGE:
        report(reading, "E0106", node->place, NULL, "%s: the number %s cannot be held", wish->what,
               node->text);
        break;
    default:
        report(reading, wish->type == TYPE_DURATION ? "E0117" : "E0112", node->place,
               fault == SCALAR_OLD_BOOL      ? "a bool is true or false"
               : wish->type == TYPE_DURATION ? "500ms, 2s, 10m, 6h, 1d, 1m30s"
                                             : NULL,
               "%s must be %s; \"%s\" is none", wish->what, type, node->text);
    }
}

static int split_choices(char *copy, const char *names[], int most)
{
    int count = 0;
    for (char *at = copy; at && count < most - 1;) {
        names[count++] = at;
        at = strchr(at, '|');
        if (at)
            *at++ = '\0';
    }
    names[count] = NULL;
    return count;
}

static bool is_choice(struct reading *reading, const struct document_node *node, const struct wish *wish)
{
    char copy[256], hint[128];
    const char *names[32];
    snprintf(copy, sizeof copy, "%s", wish->one_of);
    int count = split_choices(copy, names, 32);
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], node->text))
            return true;
    report(reading, "E0113", node->place, hint_nearest(node->text, names, hint, sizeof hint),
           "%s must be one of %s; \"%s\" is none", wish->what, wish->one_of, node->text);
    return false;
}

static json_t *literal_new(struct reading *reading, const struct document_node *node, const struct wish *wish)
{
    enum scalar_fault fault;
    if (is_container(wish->type)) {
        report(reading, "E0112", node->place, NULL, "%s must be %s, and is a single value", wish->what,
               wish->type == TYPE_LIST ? "a list" : "a map");
        return NULL;
    }
    if (wish->one_of && !is_choice(reading, node, wish))
        return NULL;
    if (wish->as_spelled && !scalar_is_canonical(node))
        return json_pack("{s:s}", "spelled", node->text);
    json_t *value = scalar_as(node, wish->type, &fault);
    if (!value)
        report_literal(reading, node, wish, fault);
    return value;
}

/* ---- what holds `${…}` ---- */

static void site_add(struct reading *reading, const struct document_node *node, const struct wish *wish)
{
    int count = reading->site_count;
    if ((count & (count - 1)) == 0) { /* 0, 1, 2, 4, …: full; the old ones die with the arena */
        struct site *sites = job_memory_take(reading->memory,
                                             (count ? 2 * (size_t)count : 1) * sizeof *reading->sites);
        if (count)
            memcpy(sites, reading->sites, (size_t)count * sizeof *sites);
        reading->sites = sites;
    }
    reading->sites[reading->site_count++] = (struct site){node, *wish};
}

static json_t *expression_new(struct reading *reading, const struct document_node *node,
                              const struct wish *wish)
{
    if (wish->sight == SIGHT_NOTHING) {
        report(reading, "E0209", node->place, NULL, "%s cannot hold an expression", wish->what);
        return NULL;
    }
    site_add(reading, node, wish);
    return json_string(node->text);
}

/* ---- maps and lists ---- */

static bool key_is_allowed(struct reading *reading, const struct document_entry *entry,
                           const struct wish *wish)
{
    if (template_has_expression(entry->key))
        report(reading, "E0209", entry->key_place, NULL, "%s: a key cannot hold an expression", wish->what);
    else if (!strcmp(entry->key, "secret") || !strcmp(entry->key, "secret_text"))
        report(reading, "E0208", entry->key_place, "a secret is a param of the type secret",
               "%s: the key \"%s\" is reserved", wish->what, entry->key);
    else
        return true;
    return false;
}

static json_t *container_new(struct reading *reading, const struct document_node *node,
                             const struct wish *wish)
{
    enum value_type type = node->kind == DOCUMENT_LIST ? TYPE_LIST : TYPE_MAP;
    if (wish->type != type && wish->type != TYPE_ANY) {
        char wanted[32];
        report(reading, "E0112", node->place, NULL, "%s must be %s, and is %s", wish->what,
               with_article(wish->type, wanted, sizeof wanted), type == TYPE_LIST ? "a list" : "a map");
        return NULL;
    }
    struct wish below = *wish;
    below.type = wish->of_texts ? TYPE_STRING : TYPE_ANY;
    below.type_found = NULL;
    below.one_of = NULL;
    json_t *value = type == TYPE_LIST ? json_array() : json_object();
    for (int i = 0; i < node->count; i++) { /* no deeper than LIMIT_JOB_DEPTH */
        const struct document_entry *entry = &node->entries[i];
        json_t *member = value_new(reading, entry->value, &below);
        if (type == TYPE_LIST)
            json_array_append_new(value, member ? member : json_null());
        else if (key_is_allowed(reading, entry, wish))
            json_object_set_new(value, entry->key, member ? member : json_null());
        else
            json_decref(member);
    }
    if (wish->type_found)
        *wish->type_found = type;
    return value;
}

static enum value_type type_of_literal(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_INTEGER:
        return TYPE_INT;
    case JSON_REAL:
        return TYPE_FLOAT;
    case JSON_TRUE:
    case JSON_FALSE:
        return TYPE_BOOL;
    case JSON_STRING:
        return TYPE_STRING;
    default:
        return TYPE_ANY;
    }
}

static json_t *value_new(struct reading *reading, const struct document_node *node, const struct wish *wish)
{
    if (node->kind != DOCUMENT_SCALAR)
        return container_new(reading, node, wish);
    if (template_has_expression(node->text))
        return expression_new(reading, node, wish);
    json_t *value = literal_new(reading, node, wish);
    if (value && wish->type_found)
        *wish->type_found = type_of_literal(value);
    return value;
}

json_t *value_of_node(struct reading *reading, const struct document_node *node, const struct wish *wish)
{
    return job_memory_keep(reading->memory, value_new(reading, node, wish));
}

const char *read_condition(struct reading *reading, const struct document_node *node, const struct wish *wish)
{
    struct template_part part;
    if (node->kind == DOCUMENT_SCALAR && template_is_single(node->text, &part))
        return json_string_value(value_of_node(reading, node, wish));
    report(reading, "E0209", node->place,
           node->commented ? "` #` begins a comment in YAML: quote the value" : "write it as '${…}'",
           "%s must be one ${…}", wish->what);
    return NULL;
}
