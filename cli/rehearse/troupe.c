/* Situations run by a few more processes at a time than there are processors: now and then each waits for a
 * child. A signal ends them all. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "cli/rehearse/rehearsal.h"

#define PLAYERS_MAX 64

static volatile sig_atomic_t ended_by;

static void note_signal(int number)
{
    ended_by = number;
}

int troupe_signal(void)
{
    return ended_by;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal};
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (int i = 0; i < 3; i++)
        sigaction(numbers[i], &action, NULL);
}

static char *outcome_path(const struct rehearsal *rehearsal, int number)
{
    return string_format("%s/%d.outcome", rehearsal->folder, number);
}

/* In its own process group: what the terminal sends is for the rehearsal to answer. */
static _Noreturn void play_in_process(const struct rehearsal *rehearsal, const struct situation *situation,
                                      int number)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < 3; i++)
        signal(numbers[i], SIG_DFL);
    json_t *outcome = situation_run(rehearsal, situation);
    char *text = json_dumps(outcome, JSON_COMPACT), *path = outcome_path(rehearsal, number);
    FILE *file = fopen(path, "we");
    bool written = file && fputs(text, file) >= 0 && !fclose(file);
    _exit(written ? 0 : 1);
}

static json_t *take_outcome(const struct rehearsal *rehearsal, const struct situation *situation, int number)
{
    char *path = outcome_path(rehearsal, number);
    size_t length;
    char *text = file_read(path, LIMIT_JSON_BYTES, &length, NULL);
    json_t *outcome = text ? json_loadb(text, length, 0, NULL) : NULL;
    unlink(path);
    free(text);
    free(path);
    if (outcome)
        return outcome;
    outcome = json_pack("{s:s,s:s,s:s,s:s,s:s,s:[]}", "name", situation->name, "step", situation->step,
                        "column", situation->column, "what", situation->what, "outcome", "unsafe",
                        "findings");
    situation_break(outcome, "the process that rehearsed it left no outcome");
    return outcome;
}

/* Ends every process below this one: players die with their drivers, keepers come to this process then. */
static void end_all(void)
{
    for (int round = 0; round < 500; round++) {
        char *list = file_read("/proc/thread-self/children", 65536, NULL, NULL);
        char *rest = list;
        for (char *word; rest && (word = strsep(&rest, " "));)
            if (*word)
                kill((pid_t)strtol(word, NULL, 10), SIGKILL);
        free(list);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
            return;
        poll(NULL, 0, 2);
    }
}

struct troupe {
    const struct rehearsal *rehearsal;
    const struct situations *situations;
    json_t **outcomes;
    pid_t players[PLAYERS_MAX];
    int plays[PLAYERS_MAX]; /* which situation */
    int size, next;
};

static int employ(struct troupe *troupe, int player, struct error *error)
{
    int number = troupe->next++;
    pid_t pid = fork();
    if (pid < 0)
        return error_set_errno(error, ERROR_SYSTEM, "cannot start a process");
    if (!pid)
        play_in_process(troupe->rehearsal, &troupe->situations->list[number], number);
    troupe->players[player] = pid;
    troupe->plays[player] = number;
    return 0;
}

/* On a terminal, a line that is written over. */
static void show_progress(const struct troupe *troupe, int ended, int of)
{
    const struct invocation *invocation = troupe->rehearsal->invocation;
    if (invocation->json || invocation->quiet || of < 2 || !isatty(STDERR_FILENO))
        return;
    if (ended < of)
        fprintf(stderr, "\r  %d of %d rehearsals", ended, of);
    else
        fputs("\r\033[K", stderr);
}

static void note_ended(struct troupe *troupe, pid_t pid)
{
    for (int player = 0; player < troupe->size; player++) {
        if (troupe->players[player] != pid)
            continue;
        int number = troupe->plays[player];
        troupe->players[player] = 0;
        troupe->outcomes[number] = take_outcome(troupe->rehearsal, &troupe->situations->list[number], number);
    }
}

static int troupe_size(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    long size = processors < 1 ? 1 : processors + (processors + 1) / 2;
    return size > PLAYERS_MAX ? PLAYERS_MAX : (int)size;
}

int troupe_run(const struct rehearsal *rehearsal, const struct situations *situations, int from,
               json_t **outcomes, struct error *error)
{
    struct troupe troupe = {
        .rehearsal = rehearsal, .situations = situations, .outcomes = outcomes, .next = from};
    troupe.size = troupe_size();
    catch_signals();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int result = 0;
    for (;;) {
        bool any = false;
        for (int player = 0; player < troupe.size && !result && !ended_by; player++)
            if (!troupe.players[player] && troupe.next < situations->count)
                result = employ(&troupe, player, error);
        for (int player = 0; player < troupe.size; player++)
            any = any || troupe.players[player];
        if (result || ended_by || !any)
            break;
        pid_t pid = waitpid(-1, NULL, 0);
        if (pid > 0)
            note_ended(&troupe, pid);
        int busy = 0;
        for (int player = 0; player < troupe.size; player++)
            busy += troupe.players[player] != 0;
        show_progress(&troupe, troupe.next - from - busy, situations->count - from);
    }
    if (!result && !ended_by)
        return 0;
    end_all();
    if (ended_by)
        error_set(error, ERROR_SYSTEM, "interrupted");
    return -1;
}
