/* Tokens of the expression language, and the values of its literals. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/expression_private.h"

int fault_set(struct expression_fault *fault, size_t offset, size_t length, const char *code,
              const char *format, ...)
{
    fault->offset = offset;
    fault->length = length ? length : 1;
    fault->code = code;
    fault->hint[0] = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof fault->message, format, arguments);
    va_end(arguments);
    return -1;
}

int fault_hint(struct expression_fault *fault, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->hint, sizeof fault->hint, format, arguments);
    va_end(arguments);
    return -1;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static int hex_digit(char byte)
{
    if (is_digit(byte))
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

static bool is_name_start(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

static bool is_name_part(char byte)
{
    return is_name_start(byte) || is_digit(byte);
}

/* The byte `ahead` of the scanner's place; 0 at the end. */
static char peek(const struct scanner *scanner, size_t ahead)
{
    return scanner->at + ahead < scanner->length ? scanner->text[scanner->at + ahead] : 0;
}

static void skip_blanks(struct scanner *scanner)
{
    for (;;) {
        char byte = peek(scanner, 0);
        if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f') {
            scanner->at++;
        } else if (byte == '/' && peek(scanner, 1) == '/') {
            while (scanner->at < scanner->length && scanner->text[scanner->at] != '\n')
                scanner->at++;
        } else {
            return;
        }
    }
}

static int scan_number(struct scanner *scanner, struct token *token, struct expression_fault *fault)
{
    token->kind = TOKEN_INT;
    if (peek(scanner, 0) == '0' && (peek(scanner, 1) == 'x' || peek(scanner, 1) == 'X')) {
        scanner->at += 2;
        while (hex_digit(peek(scanner, 0)) >= 0)
            scanner->at++;
    } else {
        while (is_digit(peek(scanner, 0)))
            scanner->at++;
        if (peek(scanner, 0) == '.' && is_digit(peek(scanner, 1))) {
            token->kind = TOKEN_DOUBLE;
            scanner->at++;
            while (is_digit(peek(scanner, 0)))
                scanner->at++;
        }
        if (peek(scanner, 0) == 'e' || peek(scanner, 0) == 'E') {
            size_t sign = peek(scanner, 1) == '+' || peek(scanner, 1) == '-';
            if (is_digit(peek(scanner, 1 + sign))) {
                token->kind = TOKEN_DOUBLE;
                scanner->at += 1 + sign;
                while (is_digit(peek(scanner, 0)))
                    scanner->at++;
            }
        }
    }
    token->length = (uint32_t)(scanner->at - token->offset);
    bool is_unsigned = token->kind == TOKEN_INT && (peek(scanner, 0) == 'u' || peek(scanner, 0) == 'U');
    if (is_unsigned)
        scanner->at++;
    if (is_name_part(peek(scanner, 0))) {
        while (is_name_part(peek(scanner, 0)))
            scanner->at++;
        size_t length = scanner->at - token->offset;
        return fault_set(fault, token->offset, length, EXPRESSION_SYNTAX, "\"%.*s\" is no number",
                         (int)length, scanner->text + token->offset);
    }
    if (is_unsigned) {
        fault_set(fault, token->offset, token->length + 1, EXPRESSION_LATER,
                  "unsigned integers are not in this version");
        return fault_hint(fault, "leave out the \"u\"");
    }
    return 0;
}

/* The scanner stands on the opening quote. */
static int scan_string(struct scanner *scanner, struct token *token, bool raw, struct expression_fault *fault)
{
    char quote = peek(scanner, 0);
    size_t quotes = peek(scanner, 1) == quote && peek(scanner, 2) == quote ? 3 : 1;
    scanner->at += quotes;
    token->kind = TOKEN_STRING;
    while (scanner->at < scanner->length) {
        char byte = peek(scanner, 0);
        if (!byte) { /* JSON's keys could not hold it */
            scanner->at++;
            return fault_set(fault, scanner->at - 1, 1, EXPRESSION_SYNTAX,
                             "a NUL byte cannot stand in a string");
        }
        if (byte == '\\' && !raw && peek(scanner, 1)) {
            scanner->at += 2;
        } else if (quotes == 1 && (byte == '\n' || byte == '\r')) {
            break;
        } else if (byte == quote &&
                   (quotes == 1 || (peek(scanner, 1) == quote && peek(scanner, 2) == quote))) {
            scanner->at += quotes;
            token->length = (uint32_t)(scanner->at - token->offset);
            return 0;
        } else {
            scanner->at++;
        }
    }
    if (scanner->at > scanner->length)
        scanner->at = scanner->length;
    fault_set(fault, token->offset, scanner->at - token->offset, EXPRESSION_SYNTAX,
              "the string is not closed");
    return fault_hint(fault, "it began with %.*s", (int)quotes, quote == '"' ? "\"\"\"" : "'''");
}

static int scan_name(struct scanner *scanner, struct token *token, struct expression_fault *fault)
{
    size_t prefix = 0;
    bool raw = false, bytes = false;
    while (prefix < 2 && strchr("rRbB", peek(scanner, prefix)) && peek(scanner, prefix)) {
        char letter = peek(scanner, prefix++);
        raw |= letter == 'r' || letter == 'R';
        bytes |= letter == 'b' || letter == 'B';
    }
    char after = peek(scanner, prefix);
    if (prefix && (after == '\'' || after == '"')) {
        scanner->at += prefix;
        if (scan_string(scanner, token, raw, fault))
            return -1;
        if (!bytes)
            return 0;
        fault_set(fault, token->offset, token->length, EXPRESSION_LATER, "bytes are not in this version");
        return fault_hint(fault, "leave out the \"b\"");
    }
    while (is_name_part(peek(scanner, 0)))
        scanner->at++;
    token->length = (uint32_t)(scanner->at - token->offset);
    bool is_in = token->length == 2 && !memcmp(scanner->text + token->offset, "in", 2);
    token->kind = is_in ? TOKEN_IN : TOKEN_NAME;
    return 0;
}

static const struct {
    char first, second;
    int kind;
} pairs[] = {
    {'=', '=', TOKEN_EQUAL},         {'!', '=', TOKEN_UNEQUAL}, {'<', '=', TOKEN_LESS_EQUAL},
    {'>', '=', TOKEN_GREATER_EQUAL}, {'&', '&', TOKEN_AND},     {'|', '|', TOKEN_OR},
};

static int fault_strange(const struct scanner *scanner, size_t offset, struct expression_fault *fault)
{
    unsigned char byte = (unsigned char)scanner->text[offset];
    int length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    if (offset + (size_t)length > scanner->length)
        length = (int)(scanner->length - offset);
    if (byte < ' ' || byte == 0x7F)
        return fault_set(fault, offset, 1, EXPRESSION_SYNTAX, "a control character (0x%02x)", byte);
    fault_set(fault, offset, (size_t)length, EXPRESSION_SYNTAX, "unexpected \"%.*s\"", length,
              scanner->text + offset);
    if (byte == '=' || byte == '&' || byte == '|')
        return fault_hint(fault, "did you mean \"%c%c\"?", byte, byte);
    if (byte == '$')
        return fault_hint(fault, "names stand without \"${\" inside an expression");
    return -1;
}

int token_next(struct scanner *scanner, struct token *token, struct expression_fault *fault)
{
    skip_blanks(scanner);
    *token = (struct token){.offset = (uint32_t)scanner->at, .length = 1};
    if (scanner->at >= scanner->length)
        return 0;
    char byte = peek(scanner, 0), after = peek(scanner, 1);
    if (is_name_start(byte))
        return scan_name(scanner, token, fault);
    if (is_digit(byte) || (byte == '.' && is_digit(after)))
        return scan_number(scanner, token, fault);
    if (byte == '\'' || byte == '"')
        return scan_string(scanner, token, false, fault);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (byte == pairs[i].first && after == pairs[i].second) {
            token->kind = pairs[i].kind;
            token->length = 2;
            scanner->at += 2;
            return 0;
        }
    scanner->at++;
    if (!byte || !strchr("()[]{}.,?:+-*/%<>!", byte))
        return fault_strange(scanner, token->offset, fault);
    token->kind = (unsigned char)byte;
    return 0;
}

static size_t utf8_write(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

/* The escape at text[at] (a backslash), within `end`: its code point and how many bytes it takes. */
static int escape_read(const char *text, size_t at, size_t end, uint32_t *point, size_t *taken,
                       struct expression_fault *fault)
{
    static const char letters[] = "abfnrtv\\?\"'`", meant[] = "\a\b\f\n\r\t\v\\?\"'`";
    char letter = at + 1 < end ? text[at + 1] : 0;
    const char *simple = letter ? strchr(letters, letter) : NULL;
    if (simple) {
        *point = (unsigned char)meant[simple - letters];
        *taken = 2;
        return 0;
    }
    bool octal = letter >= '0' && letter <= '3';
    size_t first = octal ? 1 : 2;
    size_t digits = octal                            ? 3
                    : letter == 'x' || letter == 'X' ? 2
                    : letter == 'u'                  ? 4
                    : letter == 'U'                  ? 8
                                                     : 0;
    uint32_t value = 0;
    size_t length = first + digits;
    bool good = digits && at + length <= end;
    for (size_t i = first; good && i < length; i++) {
        int digit = hex_digit(text[at + i]);
        good = digit >= 0 && (!octal || digit < 8);
        value = octal ? value * 8 + (uint32_t)digit : value << 4 | (uint32_t)digit;
    }
    if (!good) {
        fault_set(fault, at, length < end - at ? length : end - at, EXPRESSION_SYNTAX,
                  "an escape that CEL does not have");
        return fault_hint(fault, "a backslash itself is \\\\, or r'…' takes all as it stands");
    }
    if (!value || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return fault_set(fault, at, length, EXPRESSION_SYNTAX, "U+%04X cannot stand in a string", value);
    *point = value;
    *taken = length;
    return 0;
}

static int string_value(const char *text, struct token token, struct arena *arena, struct value *out,
                        struct expression_fault *fault)
{
    size_t at = token.offset, end = at + token.length;
    bool raw = text[at] != '\'' && text[at] != '"';
    at += raw;
    size_t quotes = end - at >= 6 && text[at + 1] == text[at] && text[at + 2] == text[at] ? 3 : 1;
    at += quotes;
    end -= quotes;
    *out = (struct value){.tag = VALUE_STRING, .string = {text + at, end - at}};
    if (raw || !memchr(text + at, '\\', end - at))
        return 0;
    char *bytes = arena_take(arena, end - at); /* an escape is never shorter than what it stands for */
    size_t length = 0;
    while (at < end) {
        if (text[at] != '\\') {
            bytes[length++] = text[at++];
            continue;
        }
        uint32_t point = 0;
        size_t taken = 0;
        if (escape_read(text, at, end, &point, &taken, fault))
            return -1;
        length += utf8_write(point, bytes + length);
        at += taken;
    }
    out->string.bytes = bytes;
    out->string.length = length;
    return 0;
}

static int int_value(const char *text, struct token token, bool negative, struct value *out,
                     struct expression_fault *fault)
{
    bool hex = token.length > 1 && (text[token.offset + 1] == 'x' || text[token.offset + 1] == 'X');
    uint64_t value = 0, base = hex ? 16 : 10;
    uint64_t most = (uint64_t)INT64_MAX + negative;
    if (hex && token.length == 2)
        return fault_set(fault, token.offset, 2, EXPRESSION_SYNTAX, "hexadecimal digits are missing");
    for (uint32_t i = hex ? 2 : 0; i < token.length; i++) {
        uint64_t digit = (uint64_t)hex_digit(text[token.offset + i]);
        if (value > (most - digit) / base)
            return fault_set(fault, token.offset, token.length, EXPRESSION_SYNTAX,
                             "%s%.*s does not fit into 64 bits", negative ? "-" : "", (int)token.length,
                             text + token.offset);
        value = value * base + digit;
    }
    *out = (struct value){.tag = VALUE_INT, .number = (int64_t)(negative ? 0 - value : value)};
    return 0;
}

static int double_value(const char *text, struct token token, bool negative, struct value *out,
                        struct expression_fault *fault)
{
    char digits[LIMIT_EXPRESSION_BYTES + 1];
    memcpy(digits, text + token.offset, token.length);
    digits[token.length] = 0;
    double value = strtod(digits, NULL);
    if (isinf(value))
        return fault_set(fault, token.offset, token.length, EXPRESSION_SYNTAX,
                         "the number is too large for a double");
    *out = (struct value){.tag = VALUE_DOUBLE, .real = negative ? -value : value};
    return 0;
}

int token_value(const char *text, struct token token, bool negative, struct arena *arena, struct value *out,
                struct expression_fault *fault)
{
    if (token.kind == TOKEN_STRING)
        return string_value(text, token, arena, out, fault);
    if (token.kind == TOKEN_INT)
        return int_value(text, token, negative, out, fault);
    return double_value(text, token, negative, out, fault);
}
