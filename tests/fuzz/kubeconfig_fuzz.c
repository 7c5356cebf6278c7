/* Any texts as the files of a KUBECONFIG list. What is read of them becomes a private kubeconfig that reads
 * back as the same, and an endpoint whose addresses can be built. Sections are files. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "tests/fuzz/fake_curl.h"

const struct fuzz_target fuzz_target = {.name = "kubeconfig"};

static void check_private_copy(const struct kubeconfig *kubeconfig)
{
    struct error error = {0};
    json_t *document = kubeconfig_document(kubeconfig);
    char *text = json_canonical(document), *path = place_path("copy");
    place_write("copy", text, strlen(text));
    struct kubeconfig *copy = kubeconfig_read(path, NULL, &error);
    assert(copy);
    json_t *again = kubeconfig_document(copy);
    assert(json_equal(document, again));
    json_decref(again);
    json_decref(document);
    kubeconfig_free(copy);
    free(path);
    free(text);
}

static void ask_for_something(struct kubeconfig *kubeconfig)
{
    static const struct resource pod = {"", "v1", "pods", "default", "a"};
    struct live_cluster live = {.kubeconfig = kubeconfig};
    struct error error = {0};
    json_t *answer = NULL;
    fake_curl_answers(NULL, 0);
    live.endpoint = endpoint_new(kubeconfig, &error);
    if (!live.endpoint)
        return;
    live_get(&live.cluster, &pod, &answer, &error);
    endpoint_free(live.endpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct sections sections;
    struct text list = {0};
    fake_curl_install();
    sections_read(bytes, length, &sections);
    for (int i = 0; i < sections.count && i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "config-%d", i);
        place_write(name, sections.texts[i], sections.lengths[i]);
        text_format(&list, "%s%s/%s", i ? ":" : "", place_folder(), name);
    }
    static const char *const contexts[] = {NULL, "a"};
    for (int i = 0; i < 2; i++) {
        struct error error = {0};
        struct kubeconfig *kubeconfig = list.length ? kubeconfig_read(text_string(&list), contexts[i], &error)
                                                    : NULL;
        assert(kubeconfig || !list.length || error.code);
        if (kubeconfig) {
            check_private_copy(kubeconfig);
            ask_for_something(kubeconfig);
        }
        kubeconfig_free(kubeconfig);
    }
    text_clear(&list);
    sections_clear(&sections);
    return 0;
}
