/* Any YAML as helm's manifests, two of them (sections): read as objects or refused; the same text has no
 * differences. */
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "steps/manifest.h"
#include "tests/fuzz/target.h"

const struct fuzz_target fuzz_target = {.name = "manifest"};

static void look_at(const json_t *objects)
{
    const char *key;
    json_t *object, *none = manifest_compare(objects, objects);
    struct resource resource;
    assert(json_is_object(objects) && json_is_array(none) && !json_array_size(none));
    json_object_foreach((json_t *)objects, key, object)
    {
        assert(strlen(key) > 0);
        manifest_workload(object, "a", &resource);
        manifest_pod_template(object);
    }
    json_decref(none);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct sections sections;
    json_t *objects[2];
    sections_read(bytes, length, &sections);
    for (int i = 0; i < 2; i++) {
        struct error error = {0};
        objects[i] = manifest_read(section_text(&sections, i), "a", "the manifest", &error);
        assert(objects[i] || error.code);
        if (objects[i])
            look_at(objects[i]);
    }
    if (objects[0] && objects[1])
        json_decref(manifest_compare(objects[0], objects[1]));
    json_decref(objects[0]);
    json_decref(objects[1]);
    sections_clear(&sections);
    return 0;
}
