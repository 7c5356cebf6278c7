/* pawl's protocol, checked: one run of two steps, as docs/design.md describes it.
 *
 * Modelled: A, a helm-like child under a keeper (converge), and B, a remote command (once) whose body runs on
 * the worker pool; two drivers that claim, adopt, take over and are fenced; commits, go bytes, locks, exit
 * records, probes that lag or cannot tell; a person who cancels, resolves, resumes; SIGKILL of any process
 * between any two actions; reboots. A stopped process is one that is not scheduled.
 * Abstracted: an epoch is only compared, so the store keeps whose is the latest. A lock belongs to a process's
 * life. settle bounds how long a sent command can take to arrive and to show: an assumption about the world.
 * Guards, approval, rollback, pause, other people's helm and several runs in one driver are left out.
 *
 * Properties (the number stands beside each assert):
 *  1 no effect without its durable intent       2 B happens at most once, plus once for each --retry
 *  3 never two children at once                 4 success only if the effect happened or a person said so
 *  5 no start after cancel_requested; no effect of a child after run_cancelled
 *  6 an overtaken driver starts nothing         7 the run ends or waits for a person
 *  8 a recorded success is never run again      9 an answered question is not asked again
 * 10 an ended run is not claimed
 *
 * `make model` runs it with one fault, and once without each rule: then a property must break. By hand:
 *   spin -a pawl.pml && cc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m20000 -w26
 *   spin -DFAULTS=1 -DWITHOUT=GATE -a pawl.pml && cc -DSAFETY -DBFS -o pan pan.c && ./pan   (then: the shortest
 *   trail, with spin -DFAULTS=1 -DWITHOUT=GATE -t -p pawl.pml)
 *   spin -DFAULTS=1 -a pawl.pml && cc -O2 -DNP -DCOLLAPSE -o pan pan.c && ./pan -l -m20000 (no cycle: all ends)
 * Once run to the end: 2 faults: 15,641,827 states, 91 s, 2.6 GB; 3 faults: 38,925,203 states, 5 min, 6.1 GB; no
 * cycle (1 fault): 8,409,133 states.
 */

#ifndef FAULTS
#define FAULTS  2               /* SIGKILLs and reboots */
#endif
#ifndef WITHOUT
#define WITHOUT 0               /* rules to leave out */
#endif
#ifndef STARTS
#define STARTS  3               /* of a step, at most; a start of helm and its keeper share a number */
#endif
#ifndef ANSWERS
#define ANSWERS 2               /* of a person: resume a failed run, resolve */
#endif
#define NOBODY  2
#define RULE(r) (!((WITHOUT) & (r)))

/* The sentences of docs/design.md that the properties rest on, and what carries each in the code. Leave one out
 * (run.sh does, one by one) and spin shows why it is there. */
/* an intent is durable before its effect (breaks 1): act_all after record_all: driver.c */
#define COMMIT_FIRST 1
/* the go byte follows the commit of step_prepared (breaks 1): say_go, in the body that applies: body.c */
#define GO_AFTER_COMMIT 2
/* a keeper without its byte leaves when the driver is gone (breaks 7): keeper_main: keeper_main.c */
#define LEAVE_ON_EOF 4
/* the keeper's lock is held while its child lives (breaks 3): keeper_main: keeper_main.c */
#define LOCK_INHERITED 8
/* while that lock is held the step is in progress, for everyone (breaks 3): child_lives, lets_go_while_child_lives: when.c */
#define HELD_IS_RUNNING 16
/* "no record" is read after the lock was found free (breaks 8): keeper_look: keeper.c */
#define RECORD_AFTER 32
/* a take-over claims only once the holder's lock is free (breaks 6): end_holder: claim.c */
#define WAIT_FOR_DEATH 64
/* a claim fails if the epoch it looked at has moved (breaks 6): drive_claim: claim.c; store_fence */
#define CLAIM_NAMES 128
/* a run lets go of a step only when its body has returned (breaks 2, 6): a_body_is_out, the table's first row: decide.c */
#define BODY_RETURNS 256
/* a body passes a gate that a cancel closes before it commits (breaks 5): gate_pass: gate.c; drive_command: drive.c */
#define GATE 512
/* run_cancelled waits for the keeper's lock (breaks 5): lets_go_while_child_lives, above is_cancelled: decide.c */
#define CANCEL_WAITS 1024
/* settle counts from when the last start could no longer act (breaks 2): is_unsettled: when.c; body_returned: body.c */
#define SETTLE_FROM_END 2048
/* after --retry a probe that cannot tell lets the step act (breaks 9): may_not_repeat: when.c */
#define RETRY_ACTS 4096
/* one --retry covers one start (breaks 2): fold_started: fold.c */
#define RETRY_ONCE 8192
/* a claim reads the run again: its holder may have ended it (breaks 10): drive_claim: claim.c */
#define CLAIM_READS 16384

/* ---- the store: durable; each change below is one commit ---- */
mtype:Run  = { running, asking, failed, succeeded, cancelled };
mtype:Step = { pending, started, prepared, broken, done };
mtype:Row  = { none, say_done, say_retry };
mtype:Run  status = running;
mtype:Step a = pending, b = pending;
byte latest = NOBODY;           /* the driver that made the latest claim; NOBODY once its lock is free */
byte starts;                    /* step_started events of the step in hand */
byte kept;                      /* the keeper named by the latest step_prepared */
bool cancel_row, cancel_event;
mtype:Row answer = none;        /* the person's pawl resolve */
bool granted;                   /* a --retry that no start has used yet */
byte retries;

/* ---- files beside the store, and the processes that a host holds ---- */
mtype:Exit   = { no_record, ok, bad };
mtype:Pipe   = { open, go, eof };
mtype:Keeper = { absent, ready, told, minding, leaving };
mtype:Child  = { no_child, born, writing, patched, exit_ok, exit_bad };
mtype:At     = { idle, waiting, claiming, start_a, prepare, commit_prepared, send_go, watch, watch_blindly,
                 probe_a, success_a, wait_b, probe_b, start_b, stopping };
mtype:Body   = { no_body, out, sent, returned_ok, returned_bad, returned_unknown };
mtype:Exit   record[STARTS + 1] = no_record;
mtype:Pipe   pipe[STARTS + 1] = open;
mtype:Keeper keepers[STARTS + 1] = absent;
mtype:Child  child[STARTS + 1] = no_child;
typedef Driver {
    mtype:At at = idle;         /* what its loop does next */
    bool fresh;                 /* nobody has claimed since it looked at the epoch */
    byte spawned;               /* the keeper that it has not yet told to go: it holds the pipe's other end */
    mtype:Body body = no_body;  /* of step B, on the worker pool */
    bool doomed;                /* SIGKILL is on its way (take-over) */
};
Driver drivers[2];

/* ---- the world ---- */
bool helm_pending, helm_deployed;   /* our release record: pending-upgrade; deployed, with our token */
bool a_happened;                    /* the objects were patched */
byte b_in_flight, b_happened;       /* commands sent and not yet arrived; effects */
bool b_shown;                       /* the status shows it: later than it happened */

/* ---- faults and people; once it is quiet there are no more of either ---- */
bool quiet, took_over;
byte faults, answers, resumes, living;

#define me              drivers[i]
#define other           drivers[1 - i]
#define commits         (latest == i)
#define fault           (!quiet && faults < FAULTS)
#define child_alive(k)  (child[k] == born || child[k] == writing || child[k] == patched)
#define locked(k)       (keepers[k] != absent || (RULE(LOCK_INHERITED) && child_alive(k)))
#define needs_driver    (status == running || (status == asking && (answer != none || cancel_row)) || \
                         (status == failed && (resumes || cancel_row)))
#define free(driver)    (driver.at == idle && driver.body == no_body && !driver.doomed)
#define may_claim       ((needs_driver || !RULE(CLAIM_READS)) && (me.fresh || !RULE(CLAIM_NAMES)))
#define returned        (me.body != out && me.body != sent)
#define settled         (!RULE(SETTLE_FROM_END) || (!b_in_flight && (!b_happened || b_shown)))

inline close_pipe() {
    if :: me.spawned -> pipe[me.spawned] = eof; me.spawned = 0 :: else fi
}
inline leave() {                        /* the run is let go: its lock counts as free */
    me.at = idle; me.fresh = false;
    if :: latest == i -> latest = NOBODY :: else fi
}
inline die() { close_pipe(); leave(); me.body = no_body; me.doomed = false }
inline accept_cancel() { cancel_event = true; close_pipe(); me.at = stopping }
inline intend_b() {                     /* step_started for B; the loop then hands the body out */
    assert(!cancel_event);
    b = started; starts++; me.body = out; me.at = wait_b;
    if :: RULE(RETRY_ONCE) -> granted = false :: else fi
}
inline fail_a() {
    a = broken;
    if :: me.at = watch                 /* retry */
       :: status = failed; leave()
    fi
}
inline fail_b() {
    b = broken;
    if :: me.at = probe_b               /* retry */
       :: status = failed; leave()
    fi
}

proctype driver(byte i) {
end:
    do
    /* claim */
    :: atomic { free(me) && needs_driver && latest == NOBODY && (i == 0 || !free(other)) ->
            me.fresh = true; me.at = claiming }
    :: atomic { free(me) && needs_driver && latest == 1 - i && !took_over && !quiet ->      /* --take-over */
            took_over = true; other.doomed = true; me.fresh = true; me.at = waiting }
    :: atomic { me.at == waiting && (latest == NOBODY || !me.fresh || !RULE(WAIT_FOR_DEATH)) -> me.at = claiming }
    :: atomic { me.at == claiming && !may_claim -> leave() }
    :: atomic { me.at == claiming && may_claim ->
            assert(status != succeeded && status != cancelled);                 /* 10 */
            latest = i; me.fresh = false; other.fresh = false;
            if
            :: cancel_row -> status = running; accept_cancel()
            :: !cancel_row && status == asking && answer == say_done -> b = done; status = succeeded; leave()
            :: !cancel_row && status == asking && answer == say_retry ->
                retries++; granted = true; status = running; me.at = probe_b
            :: !cancel_row && status != asking ->
                if :: status == failed -> resumes = 0; status = running :: else fi;
                if
                :: a == pending -> me.at = start_a
                :: a == started -> me.at = probe_a
                :: a == prepared || a == broken -> me.at = watch
                :: a == done -> me.at = probe_b
                fi
            fi;
            answer = none }

    /* A: helm under a keeper */
    :: atomic { me.at == start_a && commits ->
            if
            :: cancel_row -> accept_cancel()
            :: !cancel_row && starts == STARTS -> a = broken; status = failed; leave()
            :: !cancel_row && starts < STARTS ->
                assert(!cancel_event);
                assert(record[kept] != ok);                                     /* 8 */
                a = started; starts++; record[kept] = no_record; me.at = prepare
            fi }
    :: atomic { me.at == prepare ->
            me.spawned = starts; keepers[me.spawned] = ready; me.at = commit_prepared }
    :: atomic { !RULE(GO_AFTER_COMMIT) && me.at == commit_prepared && pipe[me.spawned] == open ->
            pipe[me.spawned] = go }
    :: atomic { me.at == commit_prepared && commits ->
            if
            :: cancel_row -> accept_cancel()
            :: else -> a = prepared; kept = me.spawned; me.at = send_go
            fi }
    :: atomic { me.at == send_go ->
            assert(commits);                                                    /* 6 */
            assert(!cancel_event);                                              /* 5 */
            pipe[me.spawned] = go; me.spawned = 0; me.at = watch }
    :: atomic { me.at == watch && commits && record[kept] == ok -> me.at = success_a }
    :: atomic { me.at == watch && commits && record[kept] == bad && a == prepared -> fail_a() }
    :: atomic { me.at == watch && (record[kept] == no_record || (record[kept] == bad && a == broken)) &&
            (!locked(kept) || (!RULE(HELD_IS_RUNNING) && a == broken)) -> me.at = probe_a }
    :: atomic { !RULE(RECORD_AFTER) && me.at == watch && record[kept] == no_record -> me.at = watch_blindly }
    :: atomic { me.at == watch_blindly && !locked(kept) -> me.at = probe_a }
    :: atomic { me.at == watch && commits && a == prepared && locked(kept) && !RULE(HELD_IS_RUNNING)
                -> fail_a() }                    /* without the rule, a timeout lets go of a child that lives */
    :: atomic { me.at == probe_a && helm_deployed -> me.at = success_a }        /* done */
    :: atomic { me.at == probe_a && !helm_deployed && helm_pending ->           /* ours, cut off */
            assert(!living); helm_pending = false }
    :: atomic { me.at == probe_a && !helm_deployed && !helm_pending -> me.at = start_a }     /* not done */
    :: atomic { me.at == probe_a -> me.at = start_a }                           /* cannot tell: converge */
    :: atomic { me.at == success_a && commits ->
            assert(a_happened);                                                 /* 4 */
            a = done; record[kept] = no_record; kept = 0; starts = 0;
            if :: cancel_row -> accept_cancel() :: else -> intend_b() fi }

    /* B: a command sent once; its body runs on the worker pool */
    :: atomic { !RULE(COMMIT_FIRST) && me.at == success_a && me.body == no_body -> me.body = out }
    :: atomic { me.body == out ->
            assert(commits);                                                    /* 6 */
            assert(b == started);                                               /* 1 */
            assert(!cancel_event);                                              /* 5 */
            b_in_flight++; me.body = sent }
    :: atomic { me.body == out -> me.body = returned_bad }                      /* its last checks said no */
    :: atomic { me.body == sent && b_happened -> me.body = returned_ok }
    :: atomic { me.body == sent && b_in_flight -> b_in_flight--; me.body = returned_bad }
    :: atomic { me.body == sent -> me.body = returned_unknown }                 /* the connection broke */
    :: atomic { me.at == wait_b && commits && me.body == returned_ok ->
            assert(b_happened);                                                 /* 4 */
            b = done; status = succeeded; me.body = no_body; leave() }
    :: atomic { me.at == wait_b && commits && me.body == returned_bad -> me.body = no_body; fail_b() }
    :: atomic { me.at == wait_b && commits && me.body == returned_unknown -> me.body = no_body; me.at = probe_b }
    :: atomic { !RULE(BODY_RETURNS) && me.at == wait_b && commits && !returned ->     /* timeout */
            b = broken; status = failed; leave() }
    :: atomic { me.at == probe_b && commits && b_shown ->                       /* done */
            assert(b_happened);                                                 /* 4 */
            b = done; status = succeeded; leave() }
    :: atomic { me.at == probe_b && !b_shown && settled -> me.at = start_b }    /* not done */
    :: atomic { me.at == probe_b && commits ->                                  /* cannot tell: once */
            if
            :: granted && RULE(RETRY_ACTS) -> me.at = start_b
            :: else -> assert(!granted);                                        /* 9 */
                status = asking; leave()
            fi }
    :: atomic { me.at == start_b && commits ->
            if
            :: cancel_row -> accept_cancel()
            :: !cancel_row && starts == STARTS -> b = broken; status = failed; leave()
            :: !cancel_row && starts < STARTS -> intend_b()
            fi }

    /* a cancel that arrives while the loop waits */
    :: atomic { cancel_row && !cancel_event && commits &&
            (me.at == watch || me.at == probe_a || me.at == wait_b || me.at == probe_b) ->
            if :: me.body == out && RULE(GATE) -> me.body = returned_bad :: else fi;
            accept_cancel() }
    :: atomic { me.at == stopping && commits && helm_pending && !locked(kept) -> helm_pending = false }
    :: atomic { me.at == stopping && commits && (returned || !RULE(BODY_RETURNS)) &&
            ((!locked(kept) && !helm_pending) || !RULE(CANCEL_WAITS)) ->
            if :: returned -> me.body = no_body :: else fi;
            status = cancelled; leave() }

    /* fenced; killed */
    :: atomic { me.at != idle && me.at != waiting && me.at != claiming && !commits -> close_pipe(); leave() }
    :: atomic { (me.at != idle || me.body != no_body) && fault -> faults++; die() }
    :: atomic { me.doomed -> die() }
    od
}

proctype keeper(byte k) {
end:
    do
    :: atomic { keepers[k] == ready && pipe[k] == go -> pipe[k] = open; keepers[k] = told }
    :: atomic { keepers[k] == ready && pipe[k] == eof && RULE(LEAVE_ON_EOF) -> pipe[k] = open; keepers[k] = absent }
    :: atomic { keepers[k] == told ->
            assert(kept == k);                                                  /* 1 */
            assert(!living);                                                    /* 3 */
            assert(status != cancelled);                                        /* 5 */
            living++; child[k] = born; keepers[k] = minding }
    :: atomic { keepers[k] == minding && child[k] == exit_ok ->
            record[k] = ok; child[k] = no_child; keepers[k] = leaving }
    :: atomic { keepers[k] == minding && child[k] == exit_bad ->
            record[k] = bad; child[k] = no_child; keepers[k] = leaving }
    :: atomic { keepers[k] == leaving -> keepers[k] = absent }
    :: atomic { keepers[k] != absent && fault -> faults++; keepers[k] = absent; pipe[k] = open }
    :: atomic { keepers[k] == absent && (child[k] == exit_ok || child[k] == exit_bad) -> child[k] = no_child }
    od
}

inline exit(code) { living--; child[k] = code }

proctype helm(byte k) {
end:
    do
    :: atomic { child[k] == born && !helm_pending -> helm_pending = true; child[k] = writing }
    :: atomic { child[k] == born -> exit(exit_bad) }        /* refused, or "another operation is in progress" */
    :: atomic { child[k] == writing ->
            assert(status != cancelled);                                        /* 5 */
            a_happened = true; child[k] = patched }
    :: atomic { child[k] == patched -> helm_pending = false; helm_deployed = true; exit(exit_ok) }
    :: atomic { child[k] == patched -> helm_pending = false; exit(exit_bad) }
    :: atomic { child_alive(k) && fault -> faults++; exit(exit_bad) }
    od
}

proctype cluster() {
end:
    do
    :: atomic { b_in_flight -> b_in_flight--; b_happened++;
            assert(b_happened <= 1 + retries) }                                 /* 2 */
    :: atomic { b_in_flight -> b_in_flight-- }              /* lost on the way */
    :: atomic { b_happened && !b_shown -> b_shown = true }
    od
}

proctype person() {
end:
    do
    :: atomic { !quiet && !cancel_row && status != succeeded && status != cancelled -> cancel_row = true }
    :: atomic { !quiet && status == asking && answer == none && answers < ANSWERS ->
            answers++; if :: answer = say_done :: answer = say_retry fi }
    :: atomic { !quiet && status == failed && !resumes && answers < ANSWERS -> answers++; resumes = 1 }
    od
}

proctype fate() {
    byte i, k;
end:
    do
    :: atomic { fault -> faults++;                          /* the host reboots */
            i = 0; die(); i = 1; die(); i = 0;
            for (k : 1 .. STARTS) {
                keepers[k] = absent; pipe[k] = open;
                if :: child_alive(k) -> living-- :: else fi; child[k] = no_child
            }
            k = 0 }
    :: atomic { !quiet -> quiet = true }
    od
}

init {
    byte k;
    atomic {
        run driver(0); run driver(1);
        for (k : 1 .. STARTS) { run keeper(k); run helm(k) }
        k = 0;
        run cluster(); run person(); run fate()
    }
    timeout -> assert(status != running && !living && latest == NOBODY)         /* 7 */
}
