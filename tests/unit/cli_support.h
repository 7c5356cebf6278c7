/* Running pawl as a program: what it prints and what it leaves with. */
#ifndef PAWL_TESTS_CLI_SUPPORT_H
#define PAWL_TESTS_CLI_SUPPORT_H

#include <jansson.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/text.h"
#include "store_support.h"

static struct {
    int status;
    char *out, *err;
} ran;

static char *slurp(const char *name)
{
    char *path = string_format("%s/%s", test_folder, name);
    char *text = file_read(path, 1 << 24, NULL, NULL);
    free(path);
    ck_assert_ptr_nonnull(text);
    return text;
}

static void forget(void)
{
    free(ran.out);
    free(ran.err);
    ran.out = ran.err = NULL;
}

/* `arguments` go through the shell; results in `ran`. */
__attribute__((unused)) static int pawl(const char *arguments)
{
    const char *program = getenv("PAWL");
    char *command = string_format("PAWL_STORE='%s' '%s' %s >'%s/out' 2>'%s/err' </dev/null", test_path,
                                  program ? program : "build/pawl", arguments, test_folder, test_folder);
    forget();
    ran.status = WEXITSTATUS(system(command));
    free(command);
    ran.out = slurp("out");
    ran.err = slurp("err");
    return ran.status;
}

__attribute__((unused)) static json_t *pawl_json(const char *arguments, int status)
{
    ck_assert_msg(pawl(arguments) == status, "pawl %s: %d: %s%s", arguments, ran.status, ran.out, ran.err);
    json_t *value = json_loads(ran.out, 0, NULL);
    ck_assert_msg(value != NULL, "pawl %s is no JSON: %s", arguments, ran.out);
    return value;
}

__attribute__((unused)) static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

#endif
