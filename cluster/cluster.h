/* The cluster: what step kinds act on, behind one interface. Two of them: live (the Kubernetes API and the
 * helm program) and sim (one file).
 *
 * Calls block for at most LIMIT_REQUEST_MS and may be made from any worker thread at the same time. Objects
 * are JSON as the Kubernetes API gives it. A call that fails fills the error with one of the ERROR_CLUSTER_
 * codes and the API's own message. */
#ifndef PAWL_CLUSTER_CLUSTER_H
#define PAWL_CLUSTER_CLUSTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"

/* What a request is about: /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME. */
struct resource {
    const char *group;     /* "" for the core group */
    const char *version;   /* "v1" */
    const char *resource;  /* plural, "pods" */
    const char *namespace; /* NULL: not namespaced */
    const char *name;      /* NULL: the collection */
};

enum patch_type { PATCH_MERGE, PATCH_STRATEGIC, PATCH_JSON };

/* A program to run: argument list (no shell), the whole environment, working folder. Owned by whoever made
 * it: program_clear(). */
struct program {
    char **arguments;   /* ended by NULL; [0] is the path */
    char **environment; /* "NAME=value", ended by NULL: the stated minimum, nothing inherited */
    char *folder;       /* NULL: "/" */
};

/* What a program that has ended left behind. */
struct program_output {
    int exit_status; /* 128 + signal where it was killed */
    char *out, *err; /* NUL-terminated, bounded; free() both (program_output_clear) */
    size_t out_length;
};

/* How an exec stands. */
struct exec_result {
    bool ended; /* else: still running, look again */
    bool known; /* ended and its status arrived; false: the connection broke, the outcome is unknown */
    int exit_status;
    struct error error; /* where !known: why */
};

struct exec; /* a command in a container, over its own connection */

struct cluster {
    const struct cluster_calls *calls;
    struct clock *clock;
    json_t *record; /* what a run records about its cluster: {"kind": "live"|"sim", "context", "server",
                       "identity", "kubeconfig"|"file"}; filled when the cluster was opened */
};

struct cluster_calls {
    /* One object; *out = NULL (and 0) where it does not exist. A new reference. */
    int (*get)(struct cluster *, const struct resource *, json_t **out, struct error *);
    /* The list object ("items"); label_selector may be NULL. `metadata_only` asks for metadata without
     * content, so that no secret is read. A new reference. */
    int (*list)(struct cluster *, const struct resource *, const char *label_selector, bool metadata_only,
                json_t **out, struct error *);
    /* *out is the object after the patch; `dry_run`: dryRun=All, nothing changes. A new reference. */
    int (*patch)(struct cluster *, const struct resource *, enum patch_type, const json_t *patch,
                 bool dry_run, json_t **out, struct error *);
    /* With uid and resourceVersion as preconditions (ERROR_CLUSTER_CONFLICT where they moved); an object that
     * is gone already is success. */
    int (*remove)(struct cluster *, const struct resource *, const char *uid, const char *resource_version,
                  struct error *);
    int (*create)(struct cluster *, const struct resource *, const json_t *object, json_t **out,
                  struct error *);
    /* The whole object, with its resourceVersion as precondition. */
    int (*replace)(struct cluster *, const struct resource *, const json_t *object, json_t **out,
                   struct error *);
    /* May the caller do this? (SelfSubjectAccessReview; `verb` as RBAC spells it, `resource` "pods/exec"
     * too.) */
    int (*allowed)(struct cluster *, const char *verb, const struct resource *, bool *out, char why[256],
                   struct error *);
    /* Starts a command in a container; the request has been sent when it returns 0. exec_free() in any case.
     */
    int (*exec_begin)(struct cluster *, const char *namespace, const char *pod, const char *container,
                      const char *const *arguments, struct exec **out, struct error *);
    /* Waits up to wait_ms for it to end. */
    void (*exec_poll)(struct exec *, int64_t wait_ms, struct exec_result *result);
    /* What it has written so far, bounded; borrowed until exec_free. */
    void (*exec_output)(const struct exec *, const char **out, const char **err);
    void (*exec_free)(struct exec *);

    /* Runs helm with these arguments (without the program's name) to its end and captures its output: for
     * what only reads (history, get, pull, a dry run). 0 also where helm left with a non-zero status. */
    int (*helm)(struct cluster *, const char *const *arguments, const char *folder,
                struct program_output *out, struct error *);
    /* The helm program that a keeper shall run with these arguments. `folder` is the visit's private folder:
     * a KUBECONFIG (0600) that holds only the run's context is written there. */
    int (*helm_program)(struct cluster *, const char *const *arguments, const char *folder,
                        struct program *out, struct error *);
    /* Writes a KUBECONFIG (0600) that holds only the run's context into `folder`, for a program that a job
     * names. *out_path: free() it. NULL: such a cluster has none. */
    int (*kubeconfig)(struct cluster *, const char *folder, char **out_path, struct error *error);
    /* The version that helm reports, "v3.6.2"; free() it. */
    char *(*helm_version)(struct cluster *, struct error *);
    void (*close)(struct cluster *);
};

/* `spec` is "live" or "sim:FILE" (--cluster, PAWL_CLUSTER); kubeconfig and context may be NULL: kubectl's own
 * rules. A live cluster is asked for its identity (the UID of the namespace kube-system). NULL with the error
 * filled. */
struct cluster *cluster_open(const char *spec, const char *kubeconfig, const char *context,
                             struct error *error);
/* The cluster that a run recorded, with the caller's credentials; ERROR_CLUSTER_OTHER (both names) where what
 * answers is another one. */
struct cluster *cluster_open_recorded(const json_t *record, const char *kubeconfig, struct error *error);
/* Whether a record is that of a simulated cluster: nothing real can be hurt there. */
bool cluster_is_simulated(const json_t *record);
void cluster_close(struct cluster *cluster);

/* exec_begin, poll to the end or `wait_ms`, exec_free: for commands that only read. ERROR_EXEC_BROKEN
 * where the outcome is unknown; a non-zero exit is ERROR_EXIT_STATUS with stderr in the message. *out:
 * stdout; free() it. */
int cluster_read_exec(struct cluster *cluster, const char *namespace, const char *pod, const char *container,
                      const char *const *arguments, int64_t wait_ms, char **out, struct error *error);
void program_clear(struct program *program);
void program_output_clear(struct program_output *output);

#endif
