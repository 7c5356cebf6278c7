#include <stdlib.h>

#include "base/memory.h"
#include "jobs/expression_private.h"

#define BLOCK_FIRST   1024
#define BLOCK_LARGEST (256 * 1024)
#define ALIGNMENT     16

struct arena_block {
    struct arena_block *next;
    size_t size; /* keeps what follows aligned */
};

void arena_start(struct arena *arena, void *first, size_t size)
{
    size_t skip = (size_t)(-(uintptr_t)first & (ALIGNMENT - 1));
    if (skip > size)
        skip = size;
    *arena = (struct arena){
        .at = (char *)first + skip, .end = (char *)first + size, .next_size = BLOCK_FIRST};
}

static void *arena_grow(struct arena *arena, size_t size)
{
    size_t room = size > arena->next_size ? size : arena->next_size;
    struct arena_block *block = memory_resize(NULL, 1, sizeof *block + room);
    *block = (struct arena_block){.next = arena->blocks, .size = room};
    arena->blocks = block;
    arena->at = (char *)(block + 1);
    arena->end = arena->at + room;
    if (arena->next_size < BLOCK_LARGEST)
        arena->next_size *= 2;
    void *taken = arena->at;
    arena->at += size;
    return taken;
}

void *arena_take(struct arena *arena, size_t size)
{
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (size > (size_t)(arena->end - arena->at))
        return arena_grow(arena, size);
    void *taken = arena->at;
    arena->at += size;
    return taken;
}

void arena_free(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
}
