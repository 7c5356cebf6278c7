/* The static types of params, inputs and outputs, as job files name them (docs/job-format.md, "Params").
 * A value of any of them is a json_t:
 *   string, path, duration (canonical text)   JSON string        int    JSON integer
 *   float   JSON real (an integer is taken)                      bool   JSON boolean
 *   list    JSON array                                           map    JSON object
 *   secret  {"secret": "env:NAME" | "file:PATH"}: a reference; its text is read right before it is used
 *   any     any JSON value (a `set:` value, a dyn expression) */
#ifndef PAWL_BASE_VALUE_TYPE_H
#define PAWL_BASE_VALUE_TYPE_H

#define VALUE_TYPES(X)                                                                                       \
    X(STRING, "string")                                                                                      \
    X(INT, "int")                                                                                            \
    X(FLOAT, "float")                                                                                        \
    X(BOOL, "bool")                                                                                          \
    X(DURATION, "duration")                                                                                  \
    X(PATH, "path")                                                                                          \
    X(LIST, "list")                                                                                          \
    X(MAP, "map")                                                                                            \
    X(SECRET, "secret")                                                                                      \
    X(ANY, "any")

enum value_type {
#define X(name, text) TYPE_##name,
    VALUE_TYPES(X)
#undef X
        TYPE_COUNT
};

/* "int" and so on. */
const char *value_type_text(enum value_type type);
/* TYPE_COUNT where the text names none. */
enum value_type value_type_read(const char *text);

#endif
