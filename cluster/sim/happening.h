/* What can happen to a simulated cluster when a fault is due (fault.c lists them with their keys). */
#ifndef PAWL_CLUSTER_SIM_HAPPENING_H
#define PAWL_CLUSTER_SIM_HAPPENING_H

#include <jansson.h>

#include "base/error.h"
#include "cluster/sim/world.h"

typedef int happening(struct world *world, const json_t *keys, struct error *error);

happening happen_leader_move, happen_leader_none, happen_leader_two, happen_leader_one;
happening happen_node_cordon, happen_node_uncordon, happen_node_taint, happen_node_down, happen_node_up,
    happen_node_add;
happening happen_pod_stuck, happen_pod_free, happen_pod_delete;
happening happen_set_image, happen_scale;
happening happen_chart_template, happen_chart_add, happen_other_upgrade;
happening happen_unregister, happen_chunk_status, happen_chunk_status_end, happen_chunk_renumber,
    happen_setting, happen_time;

/* A worker node, or a tainted control-plane node. */
void node_add(struct world *world, const char *name, int number, bool control_plane);

#endif
