/* Which revisions are ours. Every start of helm carries a token of its own: in the description of a revision
 * that succeeded, and from the record's creation on as a release label or, where helm has no labels, as a
 * comment in the manifest.
 *
 * Later upgrades by others inherit labels: so only the lowest revision above a start's base that carries its
 * token is the one that the token was made for. */
#ifndef PAWL_STEPS_HELM_MARKS_H
#define PAWL_STEPS_HELM_MARKS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "steps/helm.h"
#include "steps/kind.h"

#define TOKEN_BYTES 20 /* 160 bits */
#define TOKEN_SIZE  (2 * TOKEN_BYTES + 1)

/* What a start's checkpoint says about its token: {"token", "base_revision", "marked_by"}. */
enum mark_kind { MARK_LABEL, MARK_COMMENT, MARK_NONE };
const char *mark_kind_text(enum mark_kind kind);
/* The comment's beginning; the token follows. pawl writes it as helm's post-renderer, which it is where this
 * variable holds the token (cli/post_render.c). */
#define POST_RENDER_VARIABLE "PAWL_POST_RENDER"
#define MARK_COMMENT_TEXT    "# pawl-token: "

/* A new token. Random on a live cluster; on a simulated one it follows from the visit alone, so that a
 * rehearsal can be repeated: it is new there too, since key and start are never used again, and nobody but us
 * makes tokens there. */
int token_make(const struct visit *visit, char token[TOKEN_SIZE], struct error *error);

struct mark {
    enum { MARK_ABSENT, MARK_DONE, MARK_PENDING, MARK_FAILED } state;
    int64_t revision;
    const json_t *checkpoint; /* of the start that it belongs to; borrowed */
    json_t *record; /* PENDING: the Secret, as helm_records gives it; NULL: helm keeps it elsewhere; owned */
};

/* Judges all starts ([{"checkpoint"}], oldest first) by the history: done by any of them, else pending, else
 * failed. */
int marks_judge(const struct release *release, const json_t *history, const json_t *starts, struct mark *out,
                struct error *error);
/* Whether one of the starts could put no mark on its record, and a revision above its base was left pending
 * or failed: it may be that start's as well as anybody else's. */
bool marks_may_be_missing(const json_t *history, const json_t *starts);
void mark_clear(struct mark *mark);

#endif
