#include "cluster/live/kubeconfig.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/live/kubeconfig_file.h"

/* ---- the files ---- */

struct source {
    char *path, *folder; /* absolute */
    json_t *document;
};

struct sources {
    struct source all[LIMIT_KUBECONFIG_FILES];
    size_t count;
    struct text looked_at; /* every path, for messages and records */
};

static void sources_clear(struct sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        free(sources->all[i].path);
        free(sources->all[i].folder);
        json_decref(sources->all[i].document);
    }
    text_clear(&sources->looked_at);
}

static char *path_from(const char *folder, const char *path)
{
    return *path == '/' ? string_copy(path) : string_format("%s/%s", folder, path);
}

static char *path_absolute(const char *path)
{
    char *here = getcwd(NULL, 0);
    char *absolute = path_from(here ? here : "/", path);
    free(here);
    return absolute;
}

/* `alone`: it must exist. */
static int source_add(struct sources *sources, const char *path, bool alone, struct error *error)
{
    if (sources->count == LIMIT_KUBECONFIG_FILES)
        return error_set(error, ERROR_LIMIT, "KUBECONFIG names more than %d files", LIMIT_KUBECONFIG_FILES);
    struct error cause = {0};
    char *absolute = path_absolute(path);
    text_format(&sources->looked_at, "%s%s", sources->looked_at.length ? ":" : "", absolute);
    json_t *document = kubeconfig_file_read(absolute, &cause);
    if (!document) {
        free(absolute);
        if (cause.code == ERROR_NOT_FOUND && !alone)
            return 0;
        error_set(error, cause.code == ERROR_NOT_FOUND ? ERROR_USAGE : cause.code, "%s", cause.message);
        return error_next(error, "give --kubeconfig FILE or set KUBECONFIG");
    }
    sources->all[sources->count++] = (struct source){
        absolute, string_format("%.*s", (int)(strrchr(absolute, '/') - absolute), absolute), document};
    return 0;
}

/* Paths with ':' between; empty ones are passed over. */
static int sources_add_list(struct sources *sources, const char *list, struct error *error)
{
    if (!strchr(list, ':') || !access(list, F_OK))
        return source_add(sources, list, true, error);
    char *copy = string_copy(list), *rest = copy, *path;
    int result = 0;
    while (!result && (path = strsep(&rest, ":")))
        if (*path)
            result = source_add(sources, path, false, error);
    free(copy);
    return result;
}

static int sources_read(struct sources *sources, const char *files, struct error *error)
{
    const char *named = files && *files ? files : getenv("KUBECONFIG");
    if (named && *named)
        return sources_add_list(sources, named, error);
    const char *home = getenv("HOME");
    if (!home || !*home) {
        error_set(error, ERROR_USAGE, "no kubeconfig: neither KUBECONFIG nor HOME is set");
        return error_next(error, "give --kubeconfig FILE or set KUBECONFIG");
    }
    char *usual = string_format("%s/.kube/config", home);
    int result = source_add(sources, usual, true, error);
    free(usual);
    return result;
}

/* ---- what the merged files say ---- */

/* The entry `name` of the list `lists` ("contexts"), its member `member` ("context"); where it was found. */
static const json_t *entry_find(const struct sources *sources, const char *list, const char *member,
                                const char *name, const struct source **where)
{
    for (size_t i = 0; i < sources->count; i++) {
        size_t at;
        json_t *entry;
        json_array_foreach(json_object_get(sources->all[i].document, list), at, entry)
        {
            if (strcmp(json_text(entry, "name", ""), name))
                continue;
            *where = &sources->all[i];
            return json_object_get(entry, member);
        }
    }
    return NULL;
}

static const char *current_context(const struct sources *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        const char *name = json_text(sources->all[i].document, "current-context", "");
        if (*name)
            return name;
    }
    return NULL;
}

/* The names that there are, for "there is no context x". */
static void names_write(const struct sources *sources, const char *list, struct text *names)
{
    for (size_t i = 0; i < sources->count; i++) {
        size_t at;
        json_t *entry;
        json_array_foreach(json_object_get(sources->all[i].document, list), at, entry)
            text_format(names, "%s%s", names->length ? ", " : "", json_text(entry, "name", "?"));
    }
}

static int no_such_entry(const struct sources *sources, const char *list, const char *noun, const char *name,
                         struct error *error)
{
    struct text names = {0};
    names_write(sources, list, &names);
    error_set(error, ERROR_USAGE, "%s names no %s \"%s\"", text_string(&sources->looked_at), noun, name);
    error_next(error, "it has: %s", names.length ? text_string(&names) : "none");
    text_clear(&names);
    return -1;
}

/* ---- credentials ---- */

static int base64_read(const char *text, struct credential *out)
{
    struct text packed = {0};
    for (const char *at = text; *at; at++)
        if (!isspace((unsigned char)*at))
            text_append(&packed, at, 1);
    size_t length = packed.length, padding = 0;
    const char *bytes = text_string(&packed);
    while (padding < length && padding < 2 && bytes[length - 1 - padding] == '=')
        padding++;
    out->bytes = memory_new(length + 1);
    int decoded = EVP_DecodeBlock((unsigned char *)out->bytes, (const unsigned char *)bytes, (int)length);
    text_clear(&packed);
    if (decoded <= 0 || length % 4)
        return -1;
    out->length = (size_t)decoded - padding;
    out->bytes[out->length] = '\0';
    return 0;
}

/* `key`-data wins over `key`, as in kubectl. */
static int credential_read(const json_t *from, const char *key, const struct source *where,
                           struct credential *out, struct error *error)
{
    char *key_inline = string_format("%s-data", key);
    const char *inlined = json_text(from, key_inline, ""), *path = json_text(from, key, "");
    int result = 0;
    if (*inlined && base64_read(inlined, out)) {
        result = error_set(error, ERROR_USAGE, "%s: %s is not base64", where->path, key_inline);
    } else if (!*inlined && *path) {
        out->path = path_from(where->folder, path);
        if (access(out->path, R_OK))
            result = error_set_errno(error, ERROR_USAGE, "%s: %s %s", where->path, key, out->path);
    }
    free(key_inline);
    return result;
}

static void credential_clear(struct credential *credential)
{
    free(credential->path);
    if (credential->bytes)
        explicit_bzero(credential->bytes, credential->length);
    free(credential->bytes);
}

static bool is_set(const json_t *value)
{
    return value && !json_is_null(value) && !(json_is_string(value) && !*json_string_value(value)) &&
           !(json_is_array(value) && !json_array_size(value)) &&
           !(json_is_object(value) && !json_object_size(value));
}

/* Keys that this version does not act upon, and must not ignore. */
static int refuse_later(const json_t *from, const char *const *keys, const char *noun, const char *name,
                        const struct source *where, struct error *error)
{
    for (; *keys; keys++) {
        if (!is_set(json_object_get(from, *keys)))
            continue;
        error_set(error, ERROR_USAGE, "%s: %s \"%s\" uses `%s`, which this version of pawl does not know",
                  where->path, noun, name, *keys);
        return error_next(error, "use a context with a client certificate, a token or a tokenFile");
    }
    return 0;
}

/* ---- the three entries of a context ---- */

static int server_read(const char *text, const struct source *where, struct kubeconfig *out,
                       struct error *error)
{
    size_t length = strlen(text);
    if (strncmp(text, "https://", 8) && strncmp(text, "http://", 7))
        return error_set(error, ERROR_USAGE,
                         "%s: the server of cluster \"%s\" is \"%s\", no https:// address", where->path,
                         out->cluster, text);
    const char *host = strstr(text, "://") + 3;
    size_t name = *host == '[' ? strcspn(host, "]/") + 1 : strcspn(host, ":/");
    if (!name || (*host == '[' && host[name - 1] != ']') || (host[name] && !strchr(":/", host[name])))
        return error_set(error, ERROR_USAGE,
                         "%s: the server of cluster \"%s\" is \"%s\", which names no host", where->path,
                         out->cluster, text);
    while (length && text[length - 1] == '/')
        length--;
    out->server = string_format("%.*s", (int)length, text);
    return 0;
}

static int flag_read(const json_t *from, const char *key, const struct source *where, bool *out,
                     struct error *error)
{
    const char *text = json_text(from, key, "false");
    *out = !strcmp(text, "true");
    if (*out || !strcmp(text, "false"))
        return 0;
    return error_set(error, ERROR_USAGE, "%s: %s is \"%s\", neither true nor false", where->path, key, text);
}

static int cluster_read(const struct sources *sources, struct kubeconfig *out, struct error *error)
{
    static const char *const later[] = {"proxy-url", NULL};
    const struct source *where = NULL;
    const json_t *cluster = entry_find(sources, "clusters", "cluster", out->cluster, &where);
    const char *name;
    if (!cluster)
        return no_such_entry(sources, "clusters", "cluster", out->cluster, error);
    if (refuse_later(cluster, later, "cluster", out->cluster, where, error) ||
        server_read(json_text(cluster, "server", ""), where, out, error) ||
        flag_read(cluster, "insecure-skip-tls-verify", where, &out->insecure_skip_tls_verify, error) ||
        credential_read(cluster, "certificate-authority", where, &out->authority, error))
        return -1;
    if (out->insecure_skip_tls_verify && (out->authority.path || out->authority.bytes))
        return error_set(
            error, ERROR_USAGE,
            "%s: cluster \"%s\" has a certificate authority and insecure-skip-tls-verify: one of "
            "them is wrong",
            where->path, out->cluster);
    name = json_text(cluster, "tls-server-name", "");
    out->tls_server_name = *name ? string_copy(name) : NULL;
    return 0;
}

static int user_read(const struct sources *sources, struct kubeconfig *out, struct error *error)
{
    static const char *const later[] = {"exec",   "auth-provider", "username",      "password", "as",
                                        "as-uid", "as-groups",     "as-user-extra", NULL};
    const struct source *where = NULL;
    const json_t *user = entry_find(sources, "users", "user", out->user, &where);
    if (!where)
        return no_such_entry(sources, "users", "user", out->user, error);
    const char *token = json_text(user, "token", ""), *token_file = json_text(user, "tokenFile", "");
    if (refuse_later(user, later, "user", out->user, where, error) ||
        credential_read(user, "client-certificate", where, &out->certificate, error) ||
        credential_read(user, "client-key", where, &out->key, error))
        return -1;
    /* kubectl lets the file win, and falls back on the token only where it cannot be read. */
    if (*token_file)
        out->token_file = path_from(where->folder, token_file);
    else if (*token)
        out->token = string_copy(token);
    bool has_certificate = out->certificate.path || out->certificate.bytes;
    bool has_key = out->key.path || out->key.bytes;
    if (has_certificate == has_key)
        return 0;
    return error_set(error, ERROR_USAGE, "%s: user \"%s\" has a client-%s without a client-%s", where->path,
                     out->user, has_key ? "key" : "certificate", has_key ? "certificate" : "key");
}

static int context_read(const struct sources *sources, const char *name, struct kubeconfig *out,
                        struct error *error)
{
    const struct source *where = NULL;
    const char *wanted = name && *name ? name : current_context(sources);
    if (!wanted) {
        error_set(error, ERROR_USAGE, "%s has no current-context", text_string(&sources->looked_at));
        return error_next(error, "give --context NAME");
    }
    const json_t *context = entry_find(sources, "contexts", "context", wanted, &where);
    if (!context)
        return no_such_entry(sources, "contexts", "context", wanted, error);
    const char *namespace = json_text(context, "namespace", "");
    out->context = string_copy(wanted);
    out->cluster = string_copy(json_text(context, "cluster", ""));
    out->user = string_copy(json_text(context, "user", ""));
    out->namespace = string_copy(*namespace ? namespace : "default");
    out->files = string_copy(text_string(&sources->looked_at));
    return 0;
}

struct kubeconfig *kubeconfig_read(const char *files, const char *context, struct error *error)
{
    struct sources sources = {0};
    struct kubeconfig *out = memory_new(sizeof *out);
    int result = sources_read(&sources, files, error);
    if (!result && !sources.count) {
        result = error_set(error, ERROR_USAGE, "none of these kubeconfigs exists: %s",
                           text_string(&sources.looked_at));
        error_next(error, "give --kubeconfig FILE or set KUBECONFIG");
    }
    if (!result)
        result = context_read(&sources, context, out, error);
    if (!result)
        result = cluster_read(&sources, out, error);
    if (!result && *out->user)
        result = user_read(&sources, out, error);
    sources_clear(&sources);
    if (!result)
        return out;
    kubeconfig_free(out);
    return NULL;
}

/* ---- the private copy ---- */

static void credential_write(json_t *into, const char *key, const struct credential *credential)
{
    if (credential->path)
        json_object_set_new(into, key, json_string(credential->path));
    if (!credential->bytes)
        return;
    char *name = string_format("%s-data", key);
    char *text = memory_new(4 * ((credential->length + 2) / 3) + 1);
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)credential->bytes, (int)credential->length);
    json_object_set_new(into, name, json_string(text));
    free(text);
    free(name);
}

static void text_write(json_t *into, const char *key, const char *text)
{
    if (text)
        json_object_set_new(into, key, json_string(text));
}

json_t *kubeconfig_document(const struct kubeconfig *kubeconfig)
{
    json_t *cluster = json_object(), *user = json_object();
    text_write(cluster, "server", kubeconfig->server);
    text_write(cluster, "tls-server-name", kubeconfig->tls_server_name);
    if (kubeconfig->insecure_skip_tls_verify)
        json_object_set_new(cluster, "insecure-skip-tls-verify", json_true());
    credential_write(cluster, "certificate-authority", &kubeconfig->authority);
    credential_write(user, "client-certificate", &kubeconfig->certificate);
    credential_write(user, "client-key", &kubeconfig->key);
    text_write(user, "token", kubeconfig->token);
    text_write(user, "tokenFile", kubeconfig->token_file);
    return json_pack("{s:s, s:s, s:s, s:[{s:s, s:{s:s, s:s, s:s}}], s:[{s:s, s:o}], s:[{s:s, s:o}]}",
                     "apiVersion", "v1", "kind", "Config", "current-context", kubeconfig->context, "contexts",
                     "name", kubeconfig->context, "context", "cluster", "cluster", "user", "user",
                     "namespace", kubeconfig->namespace, "clusters", "name", "cluster", "cluster", cluster,
                     "users", "name", "user", "user", user);
}

static void secret_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void kubeconfig_free(struct kubeconfig *kubeconfig)
{
    if (!kubeconfig)
        return;
    free(kubeconfig->files);
    free(kubeconfig->context);
    free(kubeconfig->cluster);
    free(kubeconfig->user);
    free(kubeconfig->namespace);
    free(kubeconfig->server);
    free(kubeconfig->tls_server_name);
    credential_clear(&kubeconfig->authority);
    credential_clear(&kubeconfig->certificate);
    credential_clear(&kubeconfig->key);
    secret_free(kubeconfig->token);
    free(kubeconfig->token_file);
    free(kubeconfig);
}
