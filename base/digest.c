/* The functions of OpenSSL 1.1: what EVP does before it hashes, and SHA256() by it, costs more than our
 * records do, and some milliseconds the first time. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "base/digest.h"

#include <openssl/sha.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

struct digest digest_of(const void *bytes, size_t length)
{
    return digest_of_two(bytes, length, NULL, 0);
}

struct digest digest_of_two(const void *first, size_t first_length, const void *second, size_t second_length)
{
    struct digest digest;
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, first, first_length);
    SHA256_Update(&context, second, second_length);
    SHA256_Final(digest.bytes, &context);
    return digest;
}

int digest_of_file(const char *path, struct digest *out, struct error *error)
{
    int file = file_open_regular(path, 0, error);
    if (file < 0)
        return -1;
    SHA256_CTX context;
    SHA256_Init(&context);
    char piece[LIMIT_PIECE_BYTES];
    ssize_t length;
    while ((length = read(file, piece, sizeof piece)) > 0)
        SHA256_Update(&context, piece, (size_t)length);
    SHA256_Final(out->bytes, &context);
    int result = length < 0 ? error_set_errno(error, ERROR_SYSTEM, "cannot read %s", path) : 0;
    close(file);
    return result;
}

void digest_hex(const struct digest *digest, char hex[DIGEST_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        hex[2 * i] = digits[digest->bytes[i] >> 4];
        hex[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    hex[DIGEST_HEX_SIZE - 1] = '\0';
}
