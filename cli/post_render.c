#include "cli/post_render.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/command.h"
#include "cli/output.h"
#include "steps/helm_marks.h"

int post_render(const char *token)
{
    char bytes[LIMIT_PIECE_BYTES];
    ssize_t length;
    printf(MARK_COMMENT_TEXT "%s\n", token);
    while ((length = read(STDIN_FILENO, bytes, sizeof bytes)) != 0) {
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return EXIT_SYSTEM;
        fwrite(bytes, 1, (size_t)length, stdout);
    }
    fflush(stdout);
    return output_is_gone() ? EXIT_SYSTEM : EXIT_SUCCEEDED;
}
