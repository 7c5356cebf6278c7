/* What a job is made of lives in one arena and dies with it: structs, texts, JSON values. */
#ifndef PAWL_JOBS_JOB_MEMORY_H
#define PAWL_JOBS_JOB_MEMORY_H

#include <jansson.h>
#include <stddef.h>

struct job_memory; /* job_memory_free() */

struct job_memory *job_memory_new(void);
/* `size` zeroed bytes; they live as long as the arena. */
void *job_memory_take(struct job_memory *memory, size_t size);
/* A copy of `length` bytes, NUL-terminated. */
char *job_memory_text(struct job_memory *memory, const char *bytes, size_t length);
/* Takes over the reference; returns the value, which may be NULL. */
json_t *job_memory_keep(struct job_memory *memory, json_t *value);
void job_memory_free(struct job_memory *memory);

#endif
