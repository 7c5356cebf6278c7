#include "cli/actor.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/host.h"

char *actor_read(void)
{
    const char *named = getenv("PAWL_ACTOR");
    if (named && *named)
        return string_copy(named);
    const struct passwd *user = getpwuid(getuid());
    if (user)
        return string_format("%s@%s", user->pw_name, host_name());
    return string_format("uid %u@%s", (unsigned)getuid(), host_name());
}
