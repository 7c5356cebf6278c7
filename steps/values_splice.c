#include "steps/values_splice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/yaml.h"
#include "steps/values_tree.h"

/* One scalar to replace: which, and by what. */
struct cut {
    const struct values_node *node;
    char *bytes; /* NULL: it holds the value already */
    bool spaced; /* the space in front goes too: it came with the value ("key:" had none) */
};

struct splicing {
    const char *bytes, *name;
    size_t length;
    struct values_tree tree;
    struct cut *cuts;
    size_t count;
    struct error *error;
};

/* ---- finding ---- */

static const char *const KIND_TEXTS[] = {[VALUES_SCALAR] = "a scalar",
                                         [VALUES_MAP] = "a map",
                                         [VALUES_LIST] = "a list",
                                         [VALUES_ALIAS] = "an alias"};

static int refuse(struct splicing *splicing, const char *path, size_t length, int line, const char *why)
{
    error_set(splicing->error, ERROR_REFUSED, "%s, line %d: \"%.*s\" %s", splicing->name, line, (int)length,
              path, why);
    return -1;
}

/* The one node at a path: its index; -1: none; -2: several, the error is filled. */
static int find_one(struct splicing *splicing, const char *path, size_t length)
{
    int found = -1;
    char why[64];
    for (int i = 0; i < splicing->tree.count; i++) {
        if (!values_node_is_at(&splicing->tree, i, path, length))
            continue;
        if (found >= 0) {
            snprintf(why, sizeof why, "stands there twice, first on line %d",
                     splicing->tree.nodes[found].line);
            refuse(splicing, path, length, splicing->tree.nodes[i].line, why);
            return -2;
        }
        found = i;
    }
    return found;
}

static bool is_aliased(const struct values_tree *tree, const char *anchor)
{
    for (int i = 0; i < tree->count; i++)
        if (tree->nodes[i].kind == VALUES_ALIAS && !strcmp(tree->nodes[i].text, anchor))
            return true;
    return false;
}

/* Nothing was found: says how far the path leads, and why no further. */
static int explain_absence(struct splicing *splicing, const char *path)
{
    size_t length = strlen(path);
    int node = -1;
    char why[256];
    while (node < 0 && length) {
        while (length && path[length - 1] != '.')
            length--;
        length -= length > 0;
        node = length ? find_one(splicing, path, length) : -1;
        if (node == -2)
            return -1;
    }
    if (node < 0)
        return error_set(splicing->error, ERROR_REFUSED, "%s has no key \"%s\"", splicing->name, path);
    snprintf(why, sizeof why, "is %s", KIND_TEXTS[splicing->tree.nodes[node].kind]);
    if (splicing->tree.nodes[node].kind == VALUES_MAP)
        text_fit(why, sizeof why, "has no key \"%s\"", path + length + 1);
    refuse(splicing, path, length, splicing->tree.nodes[node].line, why);
    return error_next(splicing->error, "\"%s\" must stand in the file once, as a scalar", path);
}

/* Every map on the way stands there once, and changing what is in it changes nothing elsewhere. */
static int check_way(struct splicing *splicing, const char *path, int node)
{
    const struct values_node *nodes = splicing->tree.nodes;
    for (int i = node; nodes[i].parent != VALUES_NO_PARENT; i = nodes[i].parent)
        if (strchr(nodes[i].key, '.'))
            return refuse(splicing, path, strlen(path), nodes[i].line,
                          "leads through a key that has a dot itself");
    for (int i = nodes[node].parent; i != VALUES_NO_PARENT; i = nodes[i].parent)
        if (nodes[i].anchor && is_aliased(&splicing->tree, nodes[i].anchor))
            return refuse(splicing, path, strlen(path), nodes[node].line,
                          "stands under an anchor that is used elsewhere too: it would change there as well");
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.'))
        if (find_one(splicing, path, (size_t)(dot - path)) == -2)
            return -1;
    return 0;
}

static int check_scalar(struct splicing *splicing, const char *path, const struct values_node *node)
{
    char why[64];
    const char *problem = node->anchor                  ? "carries an anchor"
                          : node->has_tag               ? "carries a tag"
                          : node->style == VALUES_BLOCK ? "is a block scalar"
                                                        : NULL;
    if (node->kind != VALUES_SCALAR) {
        snprintf(why, sizeof why, "is %s, not a scalar", KIND_TEXTS[node->kind]);
        problem = why;
    } else if (node->start == node->end && (!node->start || splicing->bytes[node->start - 1] != ':')) {
        problem = "has no value";
    }
    return problem ? refuse(splicing, path, strlen(path), node->line, problem) : 0;
}

static const struct values_node *find_scalar(struct splicing *splicing, const char *path)
{
    int node = find_one(splicing, path, strlen(path));
    if (node == -1)
        explain_absence(splicing, path);
    if (node < 0 || check_way(splicing, path, node) ||
        check_scalar(splicing, path, &splicing->tree.nodes[node]))
        return NULL;
    return &splicing->tree.nodes[node];
}

/* ---- spelling ---- */

/* A wanted scalar: its text, and whether it is a text or what a plain scalar would be read as. */
struct wanted {
    char *text;
    bool is_text, is_null;
};

/* False where it is no scalar. */
static bool wanted_read(const json_t *value, struct wanted *wanted)
{
    const char *spelled = json_text(value, "spelled", NULL);
    *wanted = (struct wanted){.is_text = json_is_string(value), .is_null = json_is_null(value)};
    if (spelled) {
        json_t *read = yaml_scalar(spelled);
        wanted->is_null = json_is_null(read);
        wanted->text = string_copy(*spelled ? spelled : "null"); /* nothing, within quotes, would be a text */
        json_decref(read);
    } else if (json_is_string(value)) {
        wanted->text = string_copy(json_string_value(value));
    } else if (!json_is_object(value) && !json_is_array(value)) {
        wanted->text = json_canonical(value);
    }
    return wanted->text;
}

/* What older readers (helm's own among them) take for a boolean, a null or a special number although
 * YAML 1.2's core schema does not. */
static bool is_read_as_other(const char *text)
{
    static const char *const words[] = {"y",    "n",    "yes",  "no",    "on",    "off", "true", "false", "~",
                                        "null", ".inf", ".nan", "+.inf", "-.inf", "<<",  "=",    NULL};
    for (const char *const *word = words; *word; word++)
        if (!strcasecmp(text, *word))
            return true;
    json_t *read = yaml_scalar(text);
    bool is_other = !json_is_string(read);
    json_decref(read);
    /* Dates, 0o17, 1_000, 1:30: quoted rather than guessed. */
    return is_other || strchr("+-.0123456789", *text);
}

static bool plain_can_hold(const char *text, bool in_flow)
{
    size_t length = strlen(text);
    if (!length || strchr(" \t", text[0]) || strchr(" \t:", text[length - 1]))
        return false;
    if (strchr("!&*#|>@`\"'%,[]{}", text[0]) || !strncmp(text, "---", 3) || !strncmp(text, "...", 3))
        return false;
    if (strchr("-?:", text[0]) && (!text[1] || text[1] == ' '))
        return false;
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F || (unsigned char)*at >= 0x80)
            return false; /* beyond ASCII may hide line ends: quoted */
        if ((*at == ':' && at[1] == ' ') || (*at == '#' && at > text && at[-1] == ' '))
            return false;
        if (in_flow && strchr(",[]{}:?", *at))
            return false;
    }
    return true;
}

static bool single_can_hold(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F || (unsigned char)*text >= 0x80)
            return false;
    return true;
}

static char *quote_single(const char *text)
{
    struct text quoted = {0};
    text_add(&quoted, "'");
    for (; *text; text++)
        text_append(&quoted, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1);
    text_add(&quoted, "'");
    return text_take(&quoted);
}

static char *quote_double(const char *text)
{
    struct text quoted = {0};
    text_add(&quoted, "\"");
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            text_format(&quoted, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7F)
            text_format(&quoted, "\\x%02X", byte);
        else if (byte == 0xC2 && (unsigned char)text[1] < 0xA0) /* C1 controls, next line among them */
            text_format(&quoted, "\\x%02X", (unsigned char)*++text);
        else if (byte == 0xE2 && !strncmp(text + 1, "\x80\xA8", 2)) /* line and paragraph separators */
            text_add(&quoted, "\\L"), text += 2;
        else if (byte == 0xE2 && !strncmp(text + 1, "\x80\xA9", 2))
            text_add(&quoted, "\\P"), text += 2;
        else if (byte == 0xEF && !strncmp(text + 1, "\xBB\xBF", 2))
            text_add(&quoted, "\\uFEFF"), text += 2;
        else
            text_append(&quoted, text, 1);
    }
    text_add(&quoted, "\"");
    return text_take(&quoted);
}

/* The bytes that spell it in the style of the scalar that was there, or the nearest that can. */
static char *spell(const struct wanted *wanted, const struct values_node *old)
{
    bool plain = plain_can_hold(wanted->text, old->in_flow) &&
                 !(wanted->is_text && is_read_as_other(wanted->text));
    if ((old->style == VALUES_PLAIN || wanted->is_null) && plain)
        return string_copy(wanted->text);
    if (old->style == VALUES_SINGLE_QUOTED && single_can_hold(wanted->text))
        return quote_single(wanted->text);
    return quote_double(wanted->text);
}

/* Whether the scalar holds it already: the same text, and both a text or neither. */
static bool holds(const struct values_node *old, const struct wanted *wanted)
{
    if (wanted->is_null && old->style == VALUES_PLAIN && !*old->text)
        return true;
    if (strcmp(old->text, wanted->text))
        return false;
    if (old->style != VALUES_PLAIN)
        return !wanted->is_null;
    return !wanted->is_text || !is_read_as_other(old->text);
}

/* ---- cutting ---- */

static int plan_cut(struct splicing *splicing, const char *path, const json_t *value, struct cut *cut)
{
    const char *raw = json_text(value, "raw", NULL);
    struct wanted wanted = {0};
    cut->node = find_scalar(splicing, path);
    if (!cut->node)
        return -1;
    if (raw) {
        size_t length = cut->node->end - cut->node->start;
        bool same = strlen(raw) == length && !memcmp(raw, splicing->bytes + cut->node->start, length);
        cut->bytes = same ? NULL : string_copy(raw);
        cut->spaced = !*raw && cut->node->start > 1 &&
                      !memcmp(splicing->bytes + cut->node->start - 2, ": ", 2);
        return 0;
    }
    if (!wanted_read(value, &wanted))
        return refuse(splicing, path, strlen(path), cut->node->line, "can be set to a scalar only");
    if (!holds(cut->node, &wanted))
        cut->bytes = spell(&wanted, cut->node);
    if (cut->bytes && cut->node->start == cut->node->end) { /* "key:" */
        char *spaced = string_format(" %s", cut->bytes);
        free(cut->bytes);
        cut->bytes = spaced;
    }
    free(wanted.text);
    return 0;
}

static int cut_compare(const void *one, const void *other)
{
    size_t a = ((const struct cut *)one)->node->start, b = ((const struct cut *)other)->node->start;
    return a < b ? -1 : a > b;
}

static void record_before(const struct splicing *splicing, const char *path, const struct values_node *node,
                          struct splice *out)
{
    json_t *value = node->style == VALUES_PLAIN ? yaml_scalar(node->text) : json_string(node->text);
    json_object_set_new(out->before, path, value ? value : json_null());
    json_object_set_new(out->before_raw, path,
                        json_stringn(splicing->bytes + node->start, node->end - node->start));
    json_object_set_new(out->lines, path, json_integer(node->line));
}

static void join(struct splicing *splicing, struct splice *out)
{
    struct text joined = {0};
    size_t at = 0;
    qsort(splicing->cuts, splicing->count, sizeof *splicing->cuts, cut_compare);
    for (size_t i = 0; i < splicing->count; i++) {
        const struct cut *cut = &splicing->cuts[i];
        if (!cut->bytes)
            continue;
        text_append(&joined, splicing->bytes + at, cut->node->start - cut->spaced - at);
        text_add(&joined, cut->bytes);
        at = cut->node->end;
        out->changed++;
    }
    text_append(&joined, splicing->bytes + at, splicing->length - at);
    out->length = joined.length;
    out->bytes = text_take(&joined);
}

/* The cut that puts something into a node's place; NULL: it stays as it is. */
static const struct cut *cut_of(const struct splicing *splicing, const struct values_node *node)
{
    for (size_t i = 0; i < splicing->count; i++)
        if (splicing->cuts[i].node == node && splicing->cuts[i].bytes)
            return &splicing->cuts[i];
    return NULL;
}

/* Is the new scalar just what was put there? A quoted one may be followed by anything, a comment without a
 * space before it for one, which a plain one in its place takes for its own. */
static bool is_all_of(const struct values_node *scalar, const struct cut *cut)
{
    return scalar->end - scalar->start == strlen(cut->bytes) - strspn(cut->bytes, " ");
}

/* What was written is read again: the same nodes, and only the meant scalars differ. */
static int check_result(struct splicing *splicing, const struct splice *out)
{
    struct values_tree tree;
    int result = values_tree_read(out->bytes, out->length, splicing->name, &tree, splicing->error);
    if (!result && tree.count != splicing->tree.count)
        result = error_set(splicing->error, ERROR_REFUSED, "%s would become another structure",
                           splicing->name);
    for (int i = 0; !result && i < tree.count; i++) {
        const struct values_node *old = &splicing->tree.nodes[i], *new = &tree.nodes[i];
        const struct cut *cut = cut_of(splicing, old);
        bool same = old->kind == new->kind && old->parent == new->parent &&
                    (cut ? is_all_of(new, cut) : !old->text || !strcmp(old->text, new->text));
        if (same)
            continue;
        result = error_set(splicing->error, ERROR_REFUSED, "%s, line %d: more than what is set would change",
                           splicing->name, old->line);
        if (cut)
            error_next(splicing->error, "what follows the value there needs a space before it");
    }
    values_tree_clear(&tree);
    return result;
}

int values_splice(const char *bytes, size_t length, const char *name, const json_t *set, struct splice *out,
                  struct error *error)
{
    struct splicing splicing = {.bytes = bytes, .name = name, .length = length, .error = error};
    const char *path;
    json_t *value;
    *out = (struct splice){.before = json_object(), .before_raw = json_object(), .lines = json_object()};
    int result = values_tree_read(bytes, length, name, &splicing.tree, error);
    splicing.cuts = memory_new((json_object_size(set) + 1) * sizeof *splicing.cuts);
    json_object_foreach((json_t *)set, path, value)
    {
        if (result)
            break;
        struct cut *cut = &splicing.cuts[splicing.count++];
        result = plan_cut(&splicing, path, value, cut);
        if (!result)
            record_before(&splicing, path, cut->node, out);
    }
    if (!result) {
        join(&splicing, out);
        result = check_result(&splicing, out);
    }
    for (size_t i = 0; i < splicing.count; i++)
        free(splicing.cuts[i].bytes);
    free(splicing.cuts);
    values_tree_clear(&splicing.tree);
    if (result)
        splice_clear(out);
    return result;
}

void splice_clear(struct splice *splice)
{
    free(splice->bytes);
    json_decref(splice->before);
    json_decref(splice->before_raw);
    json_decref(splice->lines);
    *splice = (struct splice){0};
}
