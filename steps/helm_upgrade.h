/* The parts of helm_upgrade: what is settled before helm runs (helm_prepare.c), and which revision is ours
 * (helm_token.c). Private to the kind. */
#ifndef PAWL_STEPS_HELM_UPGRADE_H
#define PAWL_STEPS_HELM_UPGRADE_H

#include "steps/helm.h"
#include "steps/kind.h"

#define TOKEN_LABEL    "pawl-token"
#define TOKEN_HEX_SIZE 41 /* 160 bits */
#define TOKEN_VARIABLE                                                                                       \
    "PAWL_POST_RENDER" /* in helm's environment: pawl is its post-renderer and writes this token */

/* What an upgrade goes to. */
struct upgrade_goal {
    const char *chart;   /* as helm takes it */
    const char *version; /* NULL: the base's */
    const char *values;  /* the bytes of the values file */
    size_t values_length;
    bool checks; /* refuse what would change beyond expect_changes, or restart pods */
    bool waits;
};

/* What was settled: from what, to what. settled_upgrade_clear() it. */
struct settled_upgrade {
    json_t *history;
    const json_t *base, *deployed; /* borrowed from it */
    struct chart chart;
    char *values_path; /* a private copy */
    json_t *changes;   /* of the manifest, for people */
};

/* Looks at everything, read-only; files go to the visit's folder. */
int upgrade_settle(const struct visit *visit, const struct release *release, const struct upgrade_goal *goal,
                   struct settled_upgrade *settled, struct error *error);
void settled_upgrade_clear(struct settled_upgrade *settled);
/* Spawns the keeper with the upgrade, under a new token; the checkpoint, a new reference. */
json_t *upgrade_keep(const struct visit *visit, const struct release *release,
                     const struct upgrade_goal *goal, const struct settled_upgrade *settled,
                     struct error *error);

/* The revision of these starts ([{"checkpoint": {"token","base_revision"}}]) whose description holds the
 * token: a success. Borrowed from the history; NULL: none. */
const json_t *token_success(const json_t *history, const json_t *starts, const json_t **out_checkpoint);
/* The record that a dead start left: pending or failed, the lowest above that start's base that carries its
 * token. *out_found describes it
 * ({"secret","namespace","uid","resource_version","revision","status","digest"}), NULL where there is none.
 * -1 where the cluster or helm cannot be asked. */
int token_leftover(const struct release *release, const json_t *history, const json_t *starts,
                   json_t **out_found, struct error *error);

#endif
