/* Any JSON as the file of a simulated cluster. Each call ends with an answer or an error; what is written can
 * be read again. Sections: words of a fault to script ("pod-stuck pod=iomesh-chunk-0 reason=x"), the file. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cluster/cluster.h"
#include "cluster/sim/fault.h"
#include "cluster/sim/sim.h"
#include "tests/fuzz/target.h"

static void generate_one(fuzz_put *put, void *context, const char *name, const char *fault,
                         const struct sim_options *options)
{
    struct error error = {0};
    size_t length;
    char *path = place_path("seed.json"), *file, *input;
    if (sim_create(path, options, &error) || !(file = file_read(path, 1 << 20, &length, &error))) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    input = string_format("%s\n%%\n%s", fault, file);
    put(context, name, input, strlen(input));
    free(input);
    free(file);
    free(path);
}

static void generate(fuzz_put *put, void *context)
{
    struct sim_options options;
    sim_options_default(&options);
    options.seed = 1;
    options.virtual_time = true;
    options.chunks = 2;
    options.metas = 1;
    generate_one(put, context, "scale", "scale statefulset=iomesh-chunk replicas=1", &options);
    generate_one(put, context, "upgrade", "other-upgrade set=chunk.replicaCount:3", &options);
    generate_one(put, context, "kill", "pod-delete pod=iomesh-chunk-0 in=2s", &options);
    generate_one(put, context, "fail", "fail verb=get code=500 times=2", &options);
    options.license = "spaced";
    options.helm_driver = "sql";
    generate_one(put, context, "status", "chunk-status id=1 status=CHUNK_STATUS_SESSION_EXPIRED for=1m",
                 &options);
}

const struct fuzz_target fuzz_target = {.name = "sim", .generate = generate};

static void script(const char *path, char *words)
{
    const char *list[8] = {NULL};
    struct error error = {0};
    int count = 0;
    char *word;
    words[strcspn(words, "\n")] = '\0';
    while (count < 7 && (word = strsep(&words, " ")))
        if (*word)
            list[count++] = word;
    if (sim_fault(path, list, count, &error))
        assert(error.code);
}

static void ask_objects(struct cluster *cluster)
{
    static const struct resource all[] = {
        {"apps", "v1", "statefulsets", "iomesh-system", "iomesh-chunk"},
        {"", "v1", "pods", "iomesh-system", "iomesh-chunk-0"},
        {"", "v1", "nodes", NULL, "node-1"},
        {"", "v1", "secrets", "iomesh-system", "sh.helm.release.v1.iomesh.v1"},
        {"iomesh.com", "v1alpha1", "iomeshclusters", "iomesh-system", "iomesh"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct error error = {0};
        json_t *out = NULL;
        if (!cluster->calls->get(cluster, &all[i], &out, &error))
            json_decref(out);
        struct resource list = all[i];
        list.name = NULL;
        if (!cluster->calls->list(cluster, &list, i ? NULL : "owner=helm", i == 3, &out, &error))
            json_decref(out);
        else
            assert(error.code);
    }
}

static void ask_programs(struct cluster *cluster)
{
    static const char *const helm[][9] = {
        {"history", "iomesh", "--namespace", "iomesh-system", "--output", "json"},
        {"get", "values", "iomesh", "--namespace", "iomesh-system", "--output", "json"},
        {"get", "manifest", "iomesh", "--namespace", "iomesh-system"},
        {"upgrade", "iomesh", "iomesh/iomesh", "--namespace", "iomesh-system", "--dry-run", "--output",
         "json"},
    };
    static const char *const commands[][4] = {{"ip", "-o", "-4", "addr"},
                                              {"cat", "/proc/net/fib_trie"},
                                              {"/opt/iomesh/iomeshctl", "summary", "cluster"},
                                              {"/opt/iomesh/iomeshctl", "chunk", "unregister", "1"}};
    for (size_t i = 0; i < 4; i++) {
        struct program_output output = {0};
        struct error error = {0};
        char *out = NULL;
        cluster->calls->helm(cluster, helm[i], place_folder(), &output, &error);
        program_output_clear(&output);
        const char *arguments[5] = {commands[i][0], commands[i][1], commands[i][2], commands[i][3], NULL};
        if (!cluster_read_exec(cluster, "iomesh-system", i < 2 ? "iomesh-chunk-0" : "iomesh-meta-0",
                               i < 2 ? "iomesh-chunk" : "iomesh-meta", arguments, 1000, &out, &error))
            free(out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct sections sections;
    struct error error = {0};
    sections_read(bytes, length, &sections);
    if (sections.count >= 2) {
        place_empty();
        char *path = place_path("sim.json"), *spec = string_format("sim:%s", path);
        place_write("sim.json", sections.texts[1], sections.lengths[1]);
        script(path, sections.texts[0]);
        json_decref(sim_show(path, &error));
        struct cluster *cluster = cluster_open(spec, NULL, NULL, &error);
        if (cluster) {
            ask_objects(cluster);
            ask_programs(cluster);
            json_decref(sim_show(path, &error));
        }
        cluster_close(cluster);
        free(spec);
        free(path);
    }
    sections_clear(&sections);
    return 0;
}
