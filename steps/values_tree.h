/* A YAML text as a flat list of nodes with the places of their bytes: what splicing looks scalars up in.
 * Nothing is resolved: an alias is an alias, a scalar is the bytes that spell it. */
#ifndef PAWL_STEPS_VALUES_TREE_H
#define PAWL_STEPS_VALUES_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define VALUES_NO_PARENT (-1)

enum values_node_kind { VALUES_SCALAR, VALUES_MAP, VALUES_LIST, VALUES_ALIAS };

enum values_style { VALUES_PLAIN, VALUES_SINGLE_QUOTED, VALUES_DOUBLE_QUOTED, VALUES_BLOCK };

struct values_node {
    enum values_node_kind kind;
    int parent;   /* the enclosing map or list; VALUES_NO_PARENT: the root */
    char *key;    /* of an entry of a map; NULL: the root, an item of a list, a key that is no scalar */
    char *text;   /* of a scalar, as it is read; the name of an alias */
    char *anchor; /* NULL: none */
    bool has_tag;
    bool in_flow; /* within [] or {} */
    enum values_style style;
    size_t start, end; /* bytes of a scalar: [start, end) */
    int line;          /* from 1; of the key where there is one */
};

struct values_tree {
    struct values_node *nodes; /* in the order of the text: a parent stands before what is in it */
    int count, capacity;
};

/* One document in UTF-8 with at most one level of everything that base/limits.h allows; ERROR_REFUSED with
 * the line. values_tree_clear() in any case. `name` is the file's, for messages. */
int values_tree_read(const char *bytes, size_t length, const char *name, struct values_tree *tree,
                     struct error *error);
void values_tree_clear(struct values_tree *tree);
/* Whether the keys from the root down to this node, joined by dots, spell these bytes. */
bool values_node_is_at(const struct values_tree *tree, int node, const char *path, size_t length);

#endif
