#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/actor.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"

bool person_is_there(const struct invocation *invocation)
{
    return !invocation->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool session_confirm(const struct invocation *invocation, const char *question)
{
    char answer[16] = "";
    if (!person_is_there(invocation) || invocation_has(invocation, "yes"))
        return true;
    say(stderr, "%s [y/N] ", question);
    return fgets(answer, sizeof answer, stdin) && answer_is_yes(answer);
}

/* The worst status of those that cannot be taken up; they are reported. */
static int take_all(const struct invocation *invocation, struct driver *driver,
                    const struct session_run *runs, int count)
{
    int worst = EXIT_SUCCEEDED;
    for (int i = 0; i < count; i++) {
        struct error error = {0};
        if (driver_take(driver, runs[i].run, &runs[i].take, &error)) {
            int status = report_error(invocation, &error);
            worst = status > worst ? status : worst;
        } else if (runs[i].line) {
            say(stderr, "%s", runs[i].line);
        }
    }
    return worst;
}

int session_drive(const struct invocation *invocation, struct store *store, const struct session_run *runs,
                  int count)
{
    struct error error = {0};
    struct progress progress = {.invocation = invocation,
                                .store = store,
                                .many = count > 1,
                                .asks = person_is_there(invocation),
                                .terminal = !invocation->json && isatty(STDERR_FILENO)};
    char *actor = actor_read();
    struct driver_options options = {
        .actor = actor,
        .kubeconfig = invocation->kubeconfig,
        .approves = invocation_has(invocation, "yes"),
        .lock_wait_ms = invocation->wait_ms,
        .watcher = progress_watcher(&progress),
    };
    output_hold_up_nobody();
    struct driver *driver = driver_is_possible(&error) ? driver_new(store, &options, &error) : NULL;
    progress.driver = driver;
    int status = driver ? take_all(invocation, driver, runs, count) : EXIT_SUCCEEDED;
    if (!driver || driver_run(driver, &error))
        status = report_error(invocation, &error);
    else if (driver_signal(driver))
        status = 128 + driver_signal(driver);
    else if (progress.status > status)
        status = progress.status;
    driver_free(driver);
    output_settle(); /* nothing is held any more that others wait for */
    free(actor);
    return status;
}
