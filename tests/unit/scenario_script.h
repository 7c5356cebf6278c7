/* Scripts of scenarios: blocks of commands, each with the expected output under `----`, as in etcd raft's
 * testdata. A line of a block is `name word… key=value…`; a value may stand in double or single quotes. */
#ifndef PAWL_TESTS_SCENARIO_SCRIPT_H
#define PAWL_TESTS_SCENARIO_SCRIPT_H

#include <check.h>
#include <string.h>

#include "base/duration.h"
#include "base/memory.h"

#define WORDS_LIMIT 16

struct line {
    char *text; /* owned: the words point into it */
    char *words[WORDS_LIMIT];
    int count;
};

/* Cuts a line into words; quotes group and vanish. */
static struct line line_read(const char *text)
{
    struct line line = {.text = string_copy(text)};
    char *to = line.text;
    for (const char *from = text; *from;) {
        while (*from == ' ')
            from++;
        if (!*from)
            break;
        ck_assert_msg(line.count < WORDS_LIMIT, "too many words: %s", text);
        line.words[line.count++] = to;
        char quote = 0; /* opens at a word's begin or behind its `=` */
        for (char before = ' '; *from && (quote || *from != ' '); before = *from++) {
            bool opens = !quote && (before == ' ' || before == '=') && (*from == '"' || *from == '\'');
            if (opens || (quote && *from == quote))
                quote = opens ? *from : 0;
            else
                *to++ = *from;
        }
        while (*from == ' ')
            from++;
        *to++ = '\0';
    }
    return line;
}

static const char *line_word(const struct line *line, int index)
{
    return index < line->count ? line->words[index] : "";
}

static bool line_says(const struct line *line, const char *word)
{
    for (int i = 1; i < line->count; i++)
        if (!strcmp(line->words[i], word))
            return true;
    return false;
}

/* The value of `key=…`; NULL where it is missing. */
static const char *line_value(const struct line *line, const char *key)
{
    size_t length = strlen(key);
    for (int i = 1; i < line->count; i++)
        if (!strncmp(line->words[i], key, length) && line->words[i][length] == '=')
            return line->words[i] + length + 1;
    return NULL;
}

static int64_t read_ms(const char *text)
{
    int64_t ms = 0;
    ck_assert_msg(duration_read(text, &ms), "no duration: %s", text);
    return ms;
}

#endif
