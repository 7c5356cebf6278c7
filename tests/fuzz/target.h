/* A fuzz target: one function that takes any bytes, and where its seeds are. It is linked twice: with
 * libFuzzer
 * (`make fuzz`) and with replay.c, which runs the kept inputs as tests, without libFuzzer, in `make check`.
 *
 * Kept inputs are tests/fuzz/corpus/NAME/: seeds, and whatever once crashed. They are text; one that is not
 * has the ending ".escaped" and spells its bytes as \xNN and the backslash as \\. */
#ifndef PAWL_TESTS_FUZZ_TARGET_H
#define PAWL_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* Takes a seed; `name` is a file name. */
typedef void fuzz_put(void *context, const char *name, const void *bytes, size_t length);

struct fuzz_target {
    const char *name;
    const char *files[4]; /* patterns, from the repository's root, of files that are seeds too */
    const char *lines[2]; /* … of files whose every line is one */
    /* Makes those that would be binaries, or would grow old; NULL: none. */
    void (*generate)(fuzz_put *put, void *context);
};

extern const struct fuzz_target fuzz_target; /* each target defines it */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* ---- place.c: for targets that need files ---- */
/* A folder of this process, made at the first call and removed at its end. Borrowed. */
const char *place_folder(void);
/* "FOLDER/NAME"; free() it. */
char *place_path(const char *name);
/* Writes a file there and ends the process where that fails. */
void place_write(const char *name, const void *bytes, size_t length);
/* Empties the folder. */
void place_empty(void);
/* Runs pawl (PAWL, else build/pawl) in the folder, silently, and ends the process where it leaves with
 * another status. `arguments` are ended by NULL; "PAWL_STORE" is FOLDER/seed.db, PAWL_CLUSTER
 * sim:FOLDER/sim.json. */
void place_pawl(int status, const char *const *arguments);

/* ---- sections: an input as several texts, between lines that are "%" ---- */
#define SECTIONS_LIMIT 16
struct sections {
    char *texts[SECTIONS_LIMIT]; /* NUL-terminated copies */
    size_t lengths[SECTIONS_LIMIT];
    int count;
};
void sections_read(const uint8_t *bytes, size_t length, struct sections *sections);
void sections_clear(struct sections *sections);
/* "" behind the last. */
const char *section_text(const struct sections *sections, int index);

#endif
