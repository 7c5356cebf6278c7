/* A YAML text as a bounded tree of nodes, each with its place in the text.
 *
 * libyaml's events become nodes; what would make two readers see two documents is refused: duplicate keys,
 * tags, merge keys, several documents, keys that are no text, bytes that are no UTF-8. Aliases share their
 * anchor's node and count as copies (LIMIT_JOB_NODES). What a plain scalar means is decided later (scalar.h).
 */
#ifndef PAWL_JOBS_DOCUMENT_H
#define PAWL_JOBS_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "jobs/diagnostic.h"
#include "jobs/job_memory.h"

struct document_place {
    int line, column, length; /* as in a diagnostic */
};

enum document_kind { DOCUMENT_SCALAR, DOCUMENT_LIST, DOCUMENT_MAP };
enum document_style { STYLE_PLAIN, STYLE_SINGLE, STYLE_DOUBLE, STYLE_LITERAL, STYLE_FOLDED };

struct document_node {
    enum document_kind kind;
    struct document_place place;
    const char *text; /* a scalar's value, without NULs */
    size_t length;
    enum document_style style;
    bool commented;                 /* a plain scalar with a ` #` comment behind it on its line */
    struct document_entry *entries; /* of a map or list */
    int count;
    int height; /* levels of maps and lists, this one included */
};

struct document_entry {
    const char *key; /* NULL in a list */
    struct document_place key_place;
    struct document_node *value;
};

struct document {
    struct document_node *root;
    const char *source; /* borrowed */
    const char **lines; /* where each line begins */
    int line_count;
    struct job_memory *memory; /* nodes and texts */
};

/* NULL where the text is no YAML at all; other mistakes are added and the tree is there nevertheless.
 * `source` is borrowed, ends with a NUL and outlives the document. document_free() */
struct document *document_read(const char *source, size_t length, struct diagnostics *diagnostics);
void document_free(struct document *document);

/* A map's value; NULL where the node is no map or has no such key. */
const struct document_node *document_get(const struct document_node *node, const char *key);
/* The entry itself, for its key's place. */
const struct document_entry *document_entry(const struct document_node *node, const char *key);
/* Where bytes of a scalar's value stand in the source, whatever its quoting. */
struct document_place document_place_within(const struct document *document, const struct document_node *node,
                                            size_t offset, size_t length);

#endif
