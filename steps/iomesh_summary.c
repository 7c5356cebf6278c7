#include "steps/iomesh_summary.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "steps/leader.h"
#include "steps/quantity.h"

#define VALUE_SIZE 64

static bool is_name_character(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The word behind `name:` at *at, which is moved behind it; false where it is followed by no value. */
static bool value_read(const char **at, char value[VALUE_SIZE])
{
    const char *from = *at + strspn(*at, "\"' \t");
    if (*from != ':' && *from != '=')
        return false;
    from += 1 + strspn(from + 1, "\"' \t");
    size_t length = strcspn(from, "\"',;}] \t\r\n");
    *at = from + length;
    if (!length || length >= VALUE_SIZE)
        return false;
    memcpy(value, from, length);
    value[length] = '\0';
    return true;
}

static int counter_read(const char *output, const char *name, double *largest, struct error *error)
{
    bool is_found = false;
    size_t length = strlen(name);
    char value[VALUE_SIZE];
    double number;
    *largest = 0;
    for (const char *at = output; (at = strstr(at, name));) {
        bool is_whole = (at == output || !is_name_character(at[-1])) && !is_name_character(at[length]);
        at += length;
        if (!is_whole)
            continue;
        if (!value_read(&at, value) || !quantity_read(value, &number))
            return error_set(error, ERROR_NOT_YET, "summary cluster: the value of %s cannot be read", name);
        is_found = true;
        *largest = number > *largest ? number : *largest;
    }
    return is_found ? 0 : error_set(error, ERROR_NOT_YET, "summary cluster does not tell %s", name);
}

int iomesh_summary_parse(const char *output, struct iomesh_summary *out, struct error *error)
{
#define X(member, name, one, many, state)                                                                    \
    if (counter_read(output, name, &out->member, error))                                                     \
        return -1;
    SUMMARY_COUNTERS(X)
#undef X
    return 0;
}

/* Nothing was changed by asking, so what went wrong may be asked again: also where the connection broke, or
 * the pod is the leader no more. Only a refusal stays one. */
static void soften(struct error *error)
{
    if (error->code == ERROR_EXEC_BROKEN)
        error->code = ERROR_CLUSTER_UNREACHABLE;
    else if (!error_is_transient(error->code) && error->code != ERROR_CLUSTER_DENIED)
        error->code = ERROR_NOT_YET;
}

int iomesh_summary_read(const struct visit *visit, const char *leader, struct iomesh_summary *out,
                        struct error *error)
{
    static const char *const arguments[] = {"/opt/iomesh/iomeshctl", "summary", "cluster", NULL};
    const char *namespace = json_text(visit->inputs, "namespace", "");
    char *output = NULL;
    if (cluster_read_exec(visit->cluster, namespace, leader, "iomesh-meta", arguments, LIMIT_REQUEST_MS,
                          &output, error)) {
        soften(error);
        return -1;
    }
    int result = iomesh_summary_parse(output, out, error);
    free(output);
    return result;
}

int iomesh_summary_read_leader(const struct visit *visit, struct iomesh_summary *out, struct error *error)
{
    struct leader leader;
    if (leader_read(visit, LEADER_SELECTOR, &leader, error))
        return -1;
    return iomesh_summary_read(visit, leader.pod, out, error);
}

bool iomesh_summary_is_idle(const struct iomesh_summary *summary)
{
#define X(member, name, one, many, state)                                                                    \
    if (summary->member > 0)                                                                                 \
        return false;
    SUMMARY_COUNTERS(X)
#undef X
    return true;
}

void iomesh_summary_describe(const struct iomesh_summary *summary, struct text *text)
{
    size_t start = text->length;
#define X(member, name, one, many, state)                                                                    \
    if (summary->member > 0)                                                                                 \
        text_format(text, "%s%.0f %s " state, text->length > start ? ", " : "", summary->member,             \
                    summary->member == 1 ? one : many);
    SUMMARY_COUNTERS(X)
#undef X
    if (text->length == start)
        text_add(text, "no recovery or migration");
}
