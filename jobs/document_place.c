/* Where a byte of a scalar's value stands in the source. Value and source are walked side by side: quoting
 * makes one character of two or more, folding makes one blank of many. */
#include <string.h>

#include "jobs/document.h"
#include "jobs/source.h"

struct walk {
    const char *at; /* in the source */
    int line, column;
};

static void walk_on(struct walk *walk)
{
    size_t ending = source_break(walk->at);
    long code;
    if (ending) {
        walk->at += ending;
        walk->line++;
        walk->column = 1;
    } else if (*walk->at) {
        walk->at += source_character(walk->at, &code);
        walk->column++;
    }
}

static bool is_blank(const char *at)
{
    return *at == ' ' || *at == '\t' || source_break(at);
}

static void walk_blanks(struct walk *walk)
{
    while (*walk->at && is_blank(walk->at))
        walk_on(walk);
}

/* One character of the value that is no blank: in the source it is one, too, but for quoting. */
static void walk_character(struct walk *walk, enum document_style style)
{
    static const struct {
        char letter;
        int digits;
    } escapes[] = {{'x', 2}, {'u', 4}, {'U', 8}};
    int more = 0;
    if (style == STYLE_SINGLE && walk->at[0] == '\'' && walk->at[1] == '\'')
        more = 1;
    if (style == STYLE_DOUBLE && walk->at[0] == '\\') {
        more = 1;
        for (int i = 0; i < 3; i++)
            if (walk->at[1] == escapes[i].letter)
                more += escapes[i].digits;
    }
    for (; more >= 0; more--)
        walk_on(walk);
}

static void walk_to_first(struct walk *walk, const struct document_node *node)
{
    if (node->style == STYLE_SINGLE || node->style == STYLE_DOUBLE)
        walk_on(walk);
    if (node->style == STYLE_LITERAL || node->style == STYLE_FOLDED) {
        while (*walk->at && !source_break(walk->at))
            walk_on(walk);
        walk_on(walk);
    }
}

/* Over `bytes` of the value from `text` on. */
static void walk_bytes(struct walk *walk, const struct document_node *node, const char *text, size_t bytes)
{
    const char *end = text + bytes;
    while (text < end) {
        long code;
        bool escaped_line = node->style == STYLE_DOUBLE && walk->at[0] == '\\' && source_break(walk->at + 1);
        if (escaped_line) { /* `\` at the end of a line: nothing of the value */
            walk_on(walk);
            walk_blanks(walk);
        } else if (is_blank(text) && is_blank(walk->at)) {
            bool inside = true;
            for (; is_blank(text) && inside; text++) {
                inside = text < end;
                if (inside && is_blank(walk->at))
                    walk_on(walk);
            }
            if (!inside)
                return;
            walk_blanks(walk);
        } else if (is_blank(text) && (node->style != STYLE_DOUBLE || walk->at[0] != '\\')) {
            text++; /* a line break whose lines were passed already */
        } else if (is_blank(walk->at) && node->style != STYLE_DOUBLE) {
            walk_blanks(walk);
        } else {
            text += source_character(text, &code);
            walk_character(walk, node->style);
        }
        if (!*walk->at)
            return;
    }
}

struct document_place document_place_within(const struct document *document, const struct document_node *node,
                                            size_t offset, size_t length)
{
    if (node->kind != DOCUMENT_SCALAR || node->place.line > document->line_count)
        return node->place;
    struct walk walk = {document->lines[node->place.line - 1], node->place.line, 1};
    while (walk.column < node->place.column && *walk.at)
        walk_on(&walk);
    walk_to_first(&walk, node);
    if (node->style == STYLE_LITERAL || node->style == STYLE_FOLDED)
        walk_blanks(&walk);
    walk_bytes(&walk, node, node->text, offset);
    struct document_place place = {walk.line, walk.column, 1};
    if (offset < node->length && !is_blank(node->text + offset) && node->style != STYLE_DOUBLE)
        while (*walk.at && is_blank(walk.at)) { /* a folded line begins here */
            walk_on(&walk);
            place = (struct document_place){walk.line, walk.column, 1};
        }
    struct walk end = walk;
    walk_bytes(&end, node, node->text + offset, length);
    if (end.line == place.line && end.column > place.column)
        place.length = end.column - place.column;
    return place;
}
