/* Any bytes from a server that was asked to run a command: before the upgrade is answered (the first byte is
 * even), or as frames behind a proper answer. The outcome is an exit status, or unknown with a reason; output
 * stays bounded. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "tests/fuzz/fake_curl.h"

#define POLLS 50

/* A frame of the server's, shorter than 126 bytes; opcode 2 binary, 8 close, 9 ping, 0 goes on. */
static void add_frame(struct text *text, int first, const char *channel, size_t channel_length,
                      const char *content)
{
    size_t length = channel_length + strlen(content);
    assert(length < 126);
    text_append(text, (char[]){(char)first, (char)length}, 2);
    text_append(text, channel, channel_length);
    text_add(text, content);
}

static void generate(fuzz_put *put, void *context)
{
    static const char success[] = "{\"metadata\":{},\"status\":\"Success\"}";
    static const char failure[] =
        "{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"3\"}]}}";
    struct text text = {0};
    text_add(&text, "1");
    add_frame(&text, 0x82, "\1", 1, "");
    add_frame(&text, 0x82, "\1", 1, "hello\n");
    add_frame(&text, 0x89, "", 0, "ping");
    add_frame(&text, 0x82, "\2", 1, "and this\n");
    add_frame(&text, 0x82, "\3", 1, success);
    add_frame(&text, 0x88, "\3\350", 2, "");
    put(context, "success", text.bytes, text.length);
    text_clear(&text);
    text_add(&text, "1");
    add_frame(&text, 0x02, "\1", 1, "in ");
    add_frame(&text, 0x80, "", 0, "pieces");
    add_frame(&text, 0x82, "\3", 1, failure);
    put(context, "failure", text.bytes, text.length);
    text_clear(&text);
    text_add(&text, "1");
    add_frame(&text, 0x82, "\3", 1,
              "{\"status\":\"Failure\",\"message\":\"exec failed: permission denied\"}");
    put(context, "runtime", text.bytes, text.length);
    text_clear(&text);
}

const struct fuzz_target fuzz_target = {.name = "websocket", .generate = generate};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct live_cluster live;
    static const char *const arguments[] = {"ip", "-o", "-4", "addr", NULL};
    struct error error = {0};
    struct exec *exec = NULL;
    if (!live.endpoint)
        fake_live_make(&live);
    if (!length)
        return 0;
    fake_curl_streams(bytes + 1, length - 1, bytes[0] & 1);
    if (live_exec_begin(&live.cluster, "a", "b", "c", arguments, &exec, &error)) {
        assert(error.code && !exec);
        return 0;
    }
    struct exec_result result = {0};
    const char *out, *err;
    for (int i = 0; i < POLLS && !result.ended; i++)
        live_exec_poll(exec, 10, &result);
    assert(result.ended &&
           (result.known ? result.exit_status >= 0 && result.exit_status < 256 : result.error.code != 0));
    live_exec_output(exec, &out, &err);
    assert(strlen(out) <= LIMIT_CAPTURE_BYTES && strlen(err) <= LIMIT_CAPTURE_BYTES);
    live_exec_free(exec);
    return 0;
}
