/* libcurl without a network: what the server says is the fuzzer's input. */
#ifndef PAWL_TESTS_FUZZ_FAKE_CURL_H
#define PAWL_TESTS_FUZZ_FAKE_CURL_H

#include <stdint.h>

#include "cluster/live/live_cluster.h"
#include "tests/fuzz/target.h"

/* Puts itself in place of the loaded library; once is enough, more does no harm. */
void fake_curl_install(void);
/* The answers to the next requests, from section `first` on: "STATUS" or "STATUS HEADER: VALUE", a line end,
 * the body. Behind the last no connection can be made. Borrowed. */
void fake_curl_answers(const struct sections *sections, int first);
/* What a connection that is no HTTP gives, in small pieces. With `shakes_hands`, behind a proper answer to
 * the upgrade that was asked for. Borrowed. */
void fake_curl_streams(const uint8_t *bytes, size_t length, int shakes_hands);
/* A live cluster behind it, for the functions of live_cluster.h. cluster_close() does not apply:
 * fake_live_clear(). */
void fake_live_make(struct live_cluster *live);
void fake_live_clear(struct live_cluster *live);

#endif
