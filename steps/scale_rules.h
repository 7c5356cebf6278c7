/* The rules of a scaling: what was read of the cluster on one side, what speaks against it on the other. No
 * I/O here; check_scale reads.
 *
 * Once the workload's replicas equal the wanted count, the scaling is *settled*: the count, data movement and
 * the arriving or leaving chunk are no longer judged, so that an upgrade that was cut off can finish. */
#ifndef PAWL_STEPS_SCALE_RULES_H
#define PAWL_STEPS_SCALE_RULES_H

#include "base/text.h"
#include "steps/iomesh_object.h"
#include "steps/iomesh_summary.h"

struct scale {
    /* wanted */
    bool is_chunk; /* else meta */
    bool is_in;    /* else out */
    int64_t count;
    int64_t leaving_chunk; /* -1: not given */
    bool below_minimum;    /* may go under 3 chunk servers */
    double usage_max;
    /* found */
    int64_t present; /* replicas that the workload asks for */
    int64_t meta_present;
    int64_t worker_nodes;
    enum edition edition;
    struct license license;
    struct iomesh_object object;
    struct iomesh_summary moving; /* only where it is not settled */
    const struct chunk *served;   /* scale in, not settled: by the pod that goes; NULL: no listed chunk */
    char leaving_pod[96];
};

struct verdict {
    struct text against; /* "" where nothing speaks against it */
    bool is_final;       /* something that waiting does not mend */
};

bool scale_is_settled(const struct scale *scale);
/* All that speaks against it, not only the first. */
void scale_judge(const struct scale *scale, struct verdict *out);
/* Used share of the data space over all healthy chunks, now and after the removal; 0 where no chunk tells its
 * size. A chunk that is off the list already is not taken off twice. */
double scale_usage(const struct scale *scale);
double scale_usage_after(const struct scale *scale);
/* What the procedure recommends: an array of texts, a new reference. */
json_t *scale_advice(const struct scale *scale);

#endif
