/* What the driver stands on: one thread that waits, is told signals, and hands work to a pool of others. Over
 * libuv in pawl (loop.c); the simulation (tests/simulation/) brings its own, in which time and threads are
 * its seed's. Private to the driver. */
#ifndef PAWL_ENGINE_LOOP_H
#define PAWL_ENGINE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* SIGINT, SIGTERM and SIGHUP are told from within loop_collect. loop_free() it. */
struct loop *loop_new(void (*on_signal)(void *context, int number), void *context);
/* A signal has arrived that has not been told yet: for who waits for something else than the loop. */
bool loop_has_signal(const struct loop *loop);
/* Calls `run` on another thread, and once it has returned, `returned` from within loop_collect. */
void loop_work(struct loop *loop, void (*run)(void *work), void (*returned)(void *work), void *work);
/* Collects what completes until then; what has completed already is collected at once. */
void loop_collect(struct loop *loop, int64_t wait_ms);
/* Work that is still out comes back first. */
void loop_free(struct loop *loop);

#endif
