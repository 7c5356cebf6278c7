/* Durations as job files and the command line write them: `500ms`, `2s`, `10m`, `6h`, `1d`, and combinations
 * from large to small (`1m30s`). In JSON values a duration is its canonical text. */
#ifndef PAWL_BASE_DURATION_H
#define PAWL_BASE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#define DURATION_TEXT_SIZE 32

/* False where the text is no duration or is longer than 10 years. */
bool duration_read(const char *text, int64_t *out_ms);
/* The canonical text: largest units first, no unit with 0, "0s" for none. */
void duration_write(int64_t ms, char text[DURATION_TEXT_SIZE]);

#endif
