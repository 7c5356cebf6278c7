/* SHA-256, by libcrypto. */
#ifndef PAWL_BASE_DIGEST_H
#define PAWL_BASE_DIGEST_H

#include <stddef.h>

#include "base/error.h"

#define DIGEST_BYTES    32
#define DIGEST_HEX_SIZE (2 * DIGEST_BYTES + 1)

struct digest {
    unsigned char bytes[DIGEST_BYTES];
};

struct digest digest_of(const void *bytes, size_t length);
/* Of two runs of bytes, one behind the other. */
struct digest digest_of_two(const void *first, size_t first_length, const void *second, size_t second_length);
/* Of a whole file, read in pieces. */
int digest_of_file(const char *path, struct digest *out, struct error *error);
void digest_hex(const struct digest *digest, char hex[DIGEST_HEX_SIZE]);

#endif
