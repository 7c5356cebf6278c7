/* Any bytes as what a container printed: `summary cluster`, `ip -o -4 addr`, /proc/net/fib_trie. None may
 * fault; addresses are never loopback and never twice; a summary that was read has no negative counter.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "steps/chunk_of_pod.h"
#include "steps/iomesh_summary.h"
#include "tests/fuzz/target.h"

const struct fuzz_target fuzz_target = {.name = "container_output"};

static void check_addresses(json_t *addresses)
{
    size_t index, other;
    json_t *one, *two;
    json_array_foreach(addresses, index, one)
    {
        assert(strncmp(json_string_value(one), "127.", 4));
        json_array_foreach(addresses, other, two) assert(index == other || !json_equal(one, two));
    }
    json_decref(addresses);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *output = memory_new(length + 1);
    struct iomesh_summary summary;
    struct error error;
    memcpy(output, bytes, length);
    check_addresses(addresses_of_ip(output));
    check_addresses(addresses_of_fib_trie(output));
    if (!iomesh_summary_parse(output, &summary, &error)) {
        struct text words = {0};
        iomesh_summary_describe(&summary, &words);
        assert(summary.ongoing_recovers >= 0 && summary.pending_migrates >= 0);
        assert(iomesh_summary_is_idle(&summary) == !strcmp(text_string(&words), "no recovery or migration"));
        text_clear(&words);
    }
    free(output);
    return 0;
}
