#include "engine/keeper_files.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"

char *keeper_path(const char *folder, const json_t *record)
{
    const char *base = json_text(record, "base", "");
    if (!*base || *base == '/' || strstr(base, ".."))
        return NULL;
    return string_format("%s/%s", folder, base);
}

char *keeper_file(const char *base, enum keeper_file_kind kind)
{
    static const char *const endings[] = {
        [KEEPER_LOCK] = "lock", [KEEPER_STARTED] = "started", [KEEPER_CHILD] = "child", [KEEPER_OUT] = "out",
        [KEEPER_ERR] = "err",   [KEEPER_CANCEL] = "cancel",   [KEEPER_EXIT] = "exit",
    };
    return string_format("%s.%s", base, endings[kind]);
}
