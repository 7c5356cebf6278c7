#include "steps/chunk_of_pod.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "cluster/condition.h"
#include "steps/pods.h"

/* ---- what the programs print ---- */

/* Adds the address that begins at `text` and ends before `stop` characters. */
static void address_add(json_t *addresses, const char *text)
{
    char address[INET_ADDRSTRLEN];
    struct in_addr number;
    size_t length = strspn(text, "0123456789."), index;
    json_t *known;
    if (length >= sizeof address)
        return;
    memcpy(address, text, length);
    address[length] = '\0';
    if (inet_pton(AF_INET, address, &number) != 1 || !strncmp(address, "127.", 4))
        return;
    json_array_foreach(addresses, index, known)
    {
        if (!strcmp(json_string_value(known), address))
            return;
    }
    json_array_append_new(addresses, json_string(address));
}

json_t *addresses_of_ip(const char *output)
{
    json_t *addresses = json_array();
    for (const char *at = output; (at = strstr(at, " inet ")); at++)
        address_add(addresses, at + strlen(" inet "));
    return addresses;
}

/* An address stands in a line of its own, `|-- 10.0.0.5`; the lines below it say what it is. */
json_t *addresses_of_fib_trie(const char *output)
{
    json_t *addresses = json_array();
    const char *address = NULL;
    for (const char *line = output; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *text = line + strspn(line, " \t");
        if (!strncmp(text, "|-- ", 4))
            address = text + 4;
        else if (address && !strncmp(text, "/32 host LOCAL", strlen("/32 host LOCAL")))
            address_add(addresses, address);
    }
    return addresses;
}

/* ---- asking a pod ---- */

/* All containers of a pod share its network: iomesh-chunk where it runs, else any that does; NULL: none. */
static const char *container_to_ask(const json_t *pod)
{
    const char *any = NULL;
    size_t index;
    json_t *status;
    json_array_foreach(json_at(pod, "status", "containerStatuses", NULL), index, status)
    {
        const char *name = json_text(status, "name", NULL);
        if (!name || !json_at(status, "state", "running", NULL))
            continue;
        any = any ? any : name;
        if (!strcmp(name, "iomesh-chunk"))
            return name;
    }
    return any;
}

/* Nothing was changed by asking, so it may be asked again. */
static void soften(struct error *error)
{
    if (!error_is_transient(error->code) && error->code != ERROR_CLUSTER_DENIED)
        error->code = ERROR_NOT_YET;
}

static json_t *addresses_ask(const struct visit *visit, const char *pod, const char *container,
                             struct error *error)
{
    static const char *const by_ip[] = {"ip", "-o", "-4", "addr", NULL};
    static const char *const by_file[] = {"cat", "/proc/net/fib_trie", NULL};
    const char *namespace = json_text(visit->inputs, "namespace", "");
    json_t *addresses = NULL;
    char *output = NULL;
    if (!cluster_read_exec(visit->cluster, namespace, pod, container, by_ip, LIMIT_REQUEST_MS, &output,
                           error))
        addresses = addresses_of_ip(output);
    else if (!error_is_transient(error->code) && error->code != ERROR_CLUSTER_DENIED &&
             !cluster_read_exec(visit->cluster, namespace, pod, container, by_file, LIMIT_REQUEST_MS, &output,
                                error))
        addresses = addresses_of_fib_trie(output);
    if (addresses && !json_array_size(addresses)) {
        json_decref(addresses);
        addresses = NULL;
        error_set(error, ERROR_NOT_YET, "no address could be read out of what its container printed");
    }
    free(output);
    if (!addresses) {
        soften(error);
        error_context(error, "the addresses of pod %s", pod);
    }
    return addresses;
}

static int match(const struct iomesh_object *object, const json_t *addresses, const char *pod,
                 const struct chunk **out, struct error *error)
{
    struct text matches = {0};
    int count = 0;
    *out = NULL;
    for (size_t i = 0; i < object->count; i++) {
        if (!json_list_has(addresses, object->chunks[i].ip))
            continue;
        count++;
        *out = &object->chunks[i];
        chunk_describe(*out, &matches);
    }
    if (count > 1)
        error_set(error, ERROR_REFUSED, "the addresses of pod %s are those of more than one chunk: %s", pod,
                  text_string(&matches));
    text_clear(&matches);
    return count > 1 ? -1 : 0;
}

/* ---- a pod that cannot be asked ---- */

/* What the pod's object tells: its addresses, and those that a network plugin noted (a JSON text). */
static json_t *addresses_noted(const json_t *pod)
{
    json_t *addresses = json_array(), *entry, *ip;
    size_t index, inner;
    const char *noted = json_text(json_at(pod, "metadata", "annotations", NULL),
                                  "k8s.v1.cni.cncf.io/network-status", "[]");
    json_t *networks = json_read(noted, strlen(noted), LIMIT_VALUE_BYTES, "network-status", NULL);
    address_add(addresses, json_text(json_object_get(pod, "status"), "podIP", ""));
    json_array_foreach(json_at(pod, "status", "podIPs", NULL), index, entry)
        address_add(addresses, json_text(entry, "ip", ""));
    json_array_foreach(networks, index, entry)
    {
        json_array_foreach(json_object_get(entry, "ips"), inner, ip)
            address_add(addresses, json_is_string(ip) ? json_string_value(ip) : "");
    }
    json_decref(networks);
    return addresses;
}

/* The last known address tells as much as asking: what it serves, or that it is no listed chunk's. */
static int chunk_of_silent_pod(const struct iomesh_object *object, const json_t *pod, const char *known_ip,
                               const struct chunk **out, struct error *error)
{
    const char *name = json_text(json_object_get(pod, "metadata"), "name", "");
    json_t *addresses = addresses_noted(pod);
    if (known_ip)
        address_add(addresses, known_ip);
    int result = match(object, addresses, name, out, error);
    json_decref(addresses);
    if (result || *out || known_ip)
        return result;
    return error_set(
        error, ERROR_NOT_YET,
        "pod %s cannot be asked for its addresses, and none of those that its object tells is a chunk's",
        name);
}

int chunk_of_pod(const struct visit *visit, const struct iomesh_object *object, const json_t *pod,
                 const char *known_ip, const struct chunk **out, struct error *error)
{
    const char *name = json_text(json_object_get(pod, "metadata"), "name", "");
    const char *container = container_to_ask(pod);
    struct error asking = {0};
    json_t *addresses = container ? addresses_ask(visit, name, container, &asking) : NULL;
    int result;
    if (addresses) {
        result = match(object, addresses, name, out, error);
    } else if (!container || (!object_is_ready(pod) && asking.code != ERROR_CLUSTER_DENIED)) {
        result = chunk_of_silent_pod(object, pod, known_ip, out, error);
        if (result && container)
            error_context(error, "%s", asking.message);
    } else {
        *error = asking;
        result = -1;
    }
    json_decref(addresses);
    return result;
}
