#include "jobs/job_memory.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define BLOCK_BYTES 16384

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

struct job_memory {
    struct block *blocks; /* the one in use first */
    json_t *values;
};

struct job_memory *job_memory_new(void)
{
    struct job_memory *memory = memory_new(sizeof *memory);
    memory->values = json_array();
    return memory;
}

void *job_memory_take(struct job_memory *memory, size_t size)
{
    size_t rounded = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    struct block *block = memory->blocks;
    if (!block || block->size - block->used < rounded) {
        size_t bytes = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;
        block = memory_new(sizeof *block + bytes);
        block->size = bytes;
        block->next = memory->blocks;
        memory->blocks = block;
    }
    void *taken = block->bytes + block->used;
    block->used += rounded;
    return taken;
}

char *job_memory_text(struct job_memory *memory, const char *bytes, size_t length)
{
    char *text = job_memory_take(memory, length + 1);
    if (length)
        memcpy(text, bytes, length);
    return text;
}

json_t *job_memory_keep(struct job_memory *memory, json_t *value)
{
    if (value)
        json_array_append_new(memory->values, value);
    return value;
}

void job_memory_free(struct job_memory *memory)
{
    if (!memory)
        return;
    json_decref(memory->values);
    for (struct block *block = memory->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(memory);
}
