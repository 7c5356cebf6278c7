/* Any answers of an API server to each kind of request: lists in pages, Status objects, headers. Nothing but
 * an object, an error with a code, or (a get) nothing comes of them. The first section names the request; the
 * others are answers. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "tests/fuzz/fake_curl.h"

const struct fuzz_target fuzz_target = {.name = "api"};

static int ask(struct cluster *cluster, char request, json_t **out, struct error *error)
{
    static const struct resource pods = {"apps", "v1", "statefulsets", "a", "b"};
    bool allowed;
    char why[256];
    json_t *object = json_pack("{s:s}", "kind", "Lease");
    int result;
    switch (request) {
    case 'l':
    case 'm':
        result = live_list(cluster, &pods, "a=b", request == 'm', out, error);
        break;
    case 'p':
        result = live_patch(cluster, &pods, PATCH_STRATEGIC, object, true, out, error);
        break;
    case 'c':
        result = live_create(cluster, &pods, object, out, error);
        break;
    case 'r':
        result = live_replace(cluster, &pods, object, out, error);
        break;
    case 'd':
        result = live_remove(cluster, &pods, "u", "1", error);
        break;
    case 'a':
        result = live_allowed(cluster, "get", &pods, &allowed, why, error);
        break;
    default:
        result = live_get(cluster, &pods, out, error);
    }
    json_decref(object);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct live_cluster live;
    struct sections sections;
    struct error error = {0};
    json_t *out = NULL;
    if (!live.endpoint)
        fake_live_make(&live);
    sections_read(bytes, length, &sections);
    fake_curl_answers(&sections, 1);
    char request = section_text(&sections, 0)[0];
    int result = ask(&live.cluster, request, &out, &error);
    assert(result == 0 || (result == -1 && error.code && error.message[0] && !out));
    assert(!out || json_is_object(out));
    if (!result && (request == 'l' || request == 'm')) {
        assert(json_is_array(json_object_get(out, "items")));
        assert(json_array_size(json_object_get(out, "items")) <= LIMIT_LIST_ITEMS);
    }
    json_decref(out);
    sections_clear(&sections);
    return 0;
}
