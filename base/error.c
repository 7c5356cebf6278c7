#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *text;
    int exit_status;
    bool transient;
} CODES[] = {
#define X(name, text, status, transient) [ERROR_##name] = {text, status, transient},
    ERROR_CODES(X)
#undef X
};

int(error_set)(struct error *error, enum error_code code, const char *format, ...)
{
    if (!error)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    error->next[0] = '\0';
    text_fit_list(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return -1;
}

int(error_next)(struct error *error, const char *format, ...)
{
    if (!error)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    text_fit_list(error->next, sizeof error->next, format, arguments);
    va_end(arguments);
    return -1;
}

int(error_context)(struct error *error, const char *format, ...)
{
    if (!error)
        return -1;
    char context[sizeof error->message];
    char cause[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    text_fit_list(context, sizeof context, format, arguments);
    va_end(arguments);
    memcpy(cause, error->message, sizeof cause);
    char next[sizeof error->next];
    memcpy(next, error->next, sizeof next);
    error_set(error, error->code, "%s: %s", context, cause);
    memcpy(error->next, next, sizeof next);
    return -1;
}

/* What to do about the system's answers, where nobody says it better. */
static const struct {
    int cause;
    const char *next;
} NEXTS[] = {
    {ENOSPC, "free some disk space, then try again: nothing is lost"},
    {EDQUOT, "free some of the disk quota, then try again: nothing is lost"},
    {EFBIG, "raise the file size limit (ulimit -f), then try again: nothing is lost"},
    {EROFS, "make the file system writable, then try again: nothing is lost"},
    {EIO, "look at the disk and at the kernel's log, then try again: nothing is lost"},
    {EMFILE, "raise the limit of open files (ulimit -n), then try again: nothing is lost"},
    {ENFILE, "the whole system has too many files open: close some, then try again: nothing is lost"},
    {ENOMEM, "give it more memory (ulimit -v), then try again: nothing is lost"},
};

int(error_set_errno)(struct error *error, enum error_code code, const char *format, ...)
{
    if (!error)
        return -1;
    int cause = errno;
    char what[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    text_fit_list(what, sizeof what, format, arguments);
    va_end(arguments);
    error_set(error, code, "%s: %s", what, strerror(cause));
    for (size_t i = 0; i < sizeof NEXTS / sizeof *NEXTS; i++)
        if (NEXTS[i].cause == cause)
            error_next(error, "%s", NEXTS[i].next);
    return -1;
}

const char *error_code_text(enum error_code code)
{
    return CODES[code].text;
}

int error_exit_status(enum error_code code)
{
    return CODES[code].exit_status;
}

bool error_is_transient(enum error_code code)
{
    return CODES[code].transient;
}
