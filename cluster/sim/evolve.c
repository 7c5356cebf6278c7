/* How a simulated cluster lives: controllers come to rest, then time goes to the next thing that is due. */

#include "base/json.h"
#include "cluster/sim/chunks.h"
#include "cluster/sim/fault.h"
#include "cluster/sim/workload.h"
#include "cluster/sim/world.h"

/* Controllers that do not come to rest in so many rounds never will: the file is not as pawl writes it. The
 * most pods that `pawl sim init` makes take less than 300. */
#define ROUNDS_MAX 1000

static void rest(struct world *world)
{
    bool changed = true;
    world->resting = true;
    for (int round = 0; changed && round < ROUNDS_MAX; round++) {
        changed = faults_step(world);
        changed = workload_step(world) || changed;
        changed = chunks_step(world) || changed;
        world->changed = world->changed || changed;
    }
    world->resting = false;
    world->restless = world->restless || changed;
}

static int64_t sooner(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static int64_t next_due(const struct world *world)
{
    return sooner(sooner(workload_due_ms(world), chunks_due_ms(world)), faults_due_ms(world));
}

static void due_record(struct world *world)
{
    int64_t due = next_due(world);
    if (json_int(world->state, "next_due_ms", WORLD_NEVER) == due)
        return;
    world->changed = true;
    if (due == WORLD_NEVER)
        json_object_del(world->state, "next_due_ms");
    else
        json_object_set_new(world->state, "next_due_ms", json_integer(due));
}

void world_settle(struct world *world)
{
    rest(world);
    due_record(world);
}

void world_advance(struct world *world, int64_t to_ms)
{
    rest(world);
    for (int64_t due = next_due(world); due <= to_ms && !world->restless; due = next_due(world)) {
        world->now_ms = due > world->now_ms ? due : world->now_ms;
        rest(world);
        /* What is due and nobody does would be due for ever. */
        world->restless = world->restless || next_due(world) <= world->now_ms;
    }
    if (to_ms > world->now_ms) {
        world->now_ms = to_ms;
        world->moved = true;
    }
    due_record(world);
}
