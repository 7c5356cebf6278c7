#include "steps/secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

/* What is behind it would not arrive. Frees the text. */
static char *refuse_nul(char *text, size_t length, const char *reference, struct error *error)
{
    error_set(error, ERROR_PARAM_INVALID, "secret %s: it is no text: byte %zu of %zu is NUL", reference,
              strlen(text) + 1, length);
    error_next(error, "a secret that is no text has to be encoded, with base64 for example");
    explicit_bzero(text, length);
    free(text);
    return NULL;
}

static char *read_reference(const char *reference, struct error *error)
{
    if (!strncmp(reference, "env:", 4)) {
        const char *value = getenv(reference + 4);
        if (value)
            return string_copy(value);
        error_set(error, ERROR_NOT_FOUND, "secret %s: the variable is not set", reference);
        return NULL;
    }
    if (!strncmp(reference, "file:", 5)) {
        size_t length = 0;
        char *text = file_read(reference + 5, LIMIT_SECRET_BYTES, &length, error);
        if (!text)
            error_context(error, "secret %s", reference);
        else if (strlen(text) != length)
            text = refuse_nul(text, length, reference, error);
        else if (length && text[length - 1] == '\n')
            text[length - 1] = '\0'; /* as editors leave it */
        return text;
    }
    error_set(error, ERROR_PARAM_INVALID, "a secret is env:NAME or file:PATH");
    return NULL;
}

static char *join_parts(const json_t *parts, struct error *error)
{
    struct text text = {0};
    size_t index;
    json_t *part;
    json_array_foreach(parts, index, part)
    {
        char *one = secret_reveal(part, error);
        if (!one) {
            text_clear(&text);
            return NULL;
        }
        text_add(&text, one);
        free(one);
    }
    return text_take(&text);
}

char *secret_reveal(const json_t *value, struct error *error)
{
    const char *reference = json_text(value, "secret", NULL);
    const json_t *parts = json_object_get(value, "secret_text");
    if (reference)
        return read_reference(reference, error);
    if (json_is_array(parts))
        return join_parts(parts, error);
    if (json_is_string(value))
        return string_copy(json_string_value(value));
    return json_canonical(value);
}
