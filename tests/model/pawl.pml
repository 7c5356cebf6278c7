/* pawl's protocol, checked: one run of two steps, as docs/design.md describes it.
 *
 * Modelled: A, a helm-like child under a keeper (converge), and B, a remote command (once) whose body runs on
 * the worker pool; two drivers that claim, adopt, take over and are fenced; commits, go bytes, locks, exit
 * records, probes that lag or cannot tell; a person who cancels, resolves, resumes; SIGKILL of any process
 * between any two actions; reboots. A stopped process is one that is not scheduled.
 * Three shapes, so that each can be searched to its end:
 *   PLAIN  A, then B
 *   ASKS   A is done already; B has a guard and an approval, and may be visited twice (on_failure: goto)
 *   BACK   A, then B, and a person may roll the run back; B's undo and A's only converge
 * Abstracted: an epoch is only compared, so the store keeps whose is the latest. A lock belongs to a process's
 * life. settle bounds how long a sent command can take to arrive and to show: an assumption about the world.
 * An undo is one act; its keeper would be A's once more. Pause, other people's helm and several runs in one driver
 * are left out: tests/exploration has the first, tests/simulation the others.
 * Bounded: FAULTS kills and reboots, STARTS of a step, ANSWERS of a person, one take-over, one cancel, one rollback,
 * two visits. One word stands for all that a person may say at that point.
 *
 * Properties (the number stands in each CHECK):
 *  1 no effect without its durable intent       2 B happens at most once, plus once for each --retry
 *  3 never two children at once                 4 success only if the effect happened or a person said so
 *  5 no start after cancel_requested; no effect of a child after the end
 *  6 an overtaken driver starts nothing         7 the run ends or waits for a person
 *  8 a recorded success is never run again      9 an answered question is not asked again
 * 10 an ended run is not claimed               11 no effect in a start whose guard has not agreed
 * 12 no effect in a visit that nobody approved 13 rolled back: what happened is undone, or a person answers for it
 * 14 a run that goes back starts no step
 *
 * `make model` (run.sh) searches each shape with all rules, and once without each rule: then its property must break.
 * By hand, the shortest way to see why GATE is there:
 *   spin -DWITHOUT=GATE -DPROPERTY=5 -a pawl.pml && cc -DSAFETY -DBFS -o pan pan.c && ./pan
 *   spin -DWITHOUT=GATE -DPROPERTY=5 -t -p pawl.pml
 * No cycle, all ends: spin -a pawl.pml && cc -O2 -DNP -DCOLLAPSE -o pan pan.c && ./pan -l -m20000
 */

#ifndef FAULTS
#define FAULTS  1               /* SIGKILLs and reboots */
#endif
#ifndef WITHOUT
#define WITHOUT 0               /* rules to leave out */
#endif
#ifndef PROPERTY
#define PROPERTY 0              /* the one to look at; 0: all */
#endif
#define PLAIN   0
#define ASKS    1
#define BACK    2
#ifndef SHAPE
#define SHAPE   PLAIN
#endif
#ifndef STARTS
#define STARTS  (3 - SHAPE / 2)                 /* of a step, at most; a start of helm and its keeper share a number */
#endif
#ifndef ANSWERS
#define ANSWERS (2 - (SHAPE + 1) / 2)           /* of a person: resume a failed run, resolve */
#endif
#define NOBODY  2
#define RULE(r) (!((WITHOUT) & (r)))
#define CHECK(n, holds) assert((PROPERTY != 0 && PROPERTY != (n)) || (holds))

/* The sentences of docs/design.md that the properties rest on. Under each: what breaks without it, in which shape, and the
 * functions that carry it (run.sh looks that they are there). */

/* an intent is durable before its effect
 * breaks 1; shape PLAIN; in record_all act_all */
#define COMMIT_FIRST 1
/* the go byte follows the commit of step_prepared
 * breaks 1; shape PLAIN; in drive_act say_go */
#define GO_AFTER_COMMIT 2
/* a keeper without its byte leaves when the driver is gone
 * breaks 7; shape PLAIN; in wait_for_go keeper_main */
#define LEAVE_ON_EOF 4
/* the keeper's lock is held while its child lives
 * breaks 3; shape PLAIN; in start_program */
#define LOCK_INHERITED 8
/* while that lock is held the step is in progress, for everyone
 * breaks 3; shape PLAIN; in child_lives child_ran_or_runs */
#define HELD_IS_RUNNING 16
/* "no record" is read after the lock was found free
 * breaks 8; shape PLAIN; in keeper_look */
#define RECORD_AFTER 32
/* a take-over claims only once the holder's lock is free
 * breaks 6; shape PLAIN; in end_holder */
#define WAIT_FOR_DEATH 64
/* a claim fails if the epoch it looked at has moved
 * breaks 6; shape PLAIN; in drive_claim store_fence */
#define CLAIM_NAMES 128
/* a run lets go of a step only when its body has returned
 * breaks 2 6; shape PLAIN; in a_body_is_out */
#define BODY_RETURNS 256
/* a body passes a gate that a cancel closes before it commits
 * breaks 5; shape PLAIN; in gate_pass drive_command */
#define GATE 512
/* run_cancelled waits for the keeper's lock
 * breaks 5; shape PLAIN; in lets_go_while_child_lives */
#define CANCEL_WAITS 1024
/* settle counts from when the last start could no longer act
 * breaks 2; shape PLAIN; in is_unsettled body_returned */
#define SETTLE_FROM_END 2048
/* after --retry a probe that cannot tell lets the step act
 * breaks 9; shape PLAIN; in may_not_repeat */
#define RETRY_ACTS 4096
/* one --retry covers one start
 * breaks 2; shape PLAIN; in fold_started */
#define RETRY_ONCE 8192
/* a claim reads the run again: its holder may have ended it
 * breaks 10; shape PLAIN; in drive_claim store_newest_seq */
#define CLAIM_READS 16384
/* a body with a guard is handed out after the commit of step_prepared
 * breaks 1; shape ASKS; in is_fresh_with_prepare prepared */
#define PREPARED_FIRST 32768
/* the guards are asked in every start
 * breaks 11; shape ASKS; in run_prepare ask_guards */
#define GUARDS_EACH_START 65536
/* every visit asks for its approval again
 * breaks 12; shape ASKS; in lacks_approval begin_visit */
#define APPROVAL_EACH_VISIT 131072
/* an approval answers only the question that it was given for
 * breaks 12; shape ASKS; in fits_question */
#define APPROVAL_FITS 262144
/* a rollback begins only when no body and no child is left
 * breaks 13; shape BACK; in a_body_is_out lets_go_while_child_lives */
#define ROLLBACK_WAITS 524288
/* what is to be undone is asked for, where it is not known
 * breaks 13; shape BACK; in undo_must_ask_step undo_of_step_that_cannot_be_asked */
#define UNDO_ASKS 1048576
/* a run that has begun to go back only goes back
 * breaks 14; shape BACK; in fold_rollback_started */
#define BACK_ONLY 2097152
/* an answer that comes late counts by when it was asked for
 * breaks 2; shape PLAIN; in is_unsettled give */
#define SETTLE_AT_LOOK 4194304

/* ---- the store: durable; each change below is one commit ---- */
mtype:Run  = { running, asking, approving, failed, succeeded, cancelled, rolled_back };
mtype:Step = { pending, started, prepared, broken, done };
mtype:Row  = { none, say_done, say_retry };
mtype:Run  status = running;
#if SHAPE == ASKS
mtype:Step a = done, b = pending;
#else
mtype:Step a = pending, b = pending;
#endif
byte latest = NOBODY;           /* the driver that made the latest claim; NOBODY once its lock is free */
byte starts;                    /* step_started events of the step in hand */
byte kept;                      /* the keeper named by the latest step_prepared */
bool cancel_row, cancel_event;
mtype:Row answer = none;        /* the person's pawl resolve */
bool granted;                   /* a --retry that no start has used yet */
byte retries;
byte visit = 1;                 /* of B */
byte approved;                  /* the visit that an approved event names; 0: none */
byte approve_row;               /* a pawl approve: the visit of the question that it answers; 0: none */
byte guarded;                   /* the start in which B's guard has agreed */
bool rollback_row, rolling;     /* a pawl rollback; rollback_started is durable */
bool answered;                  /* in a rollback: a person has said whether there is anything of B to undo */

/* ---- files beside the store, and the processes that a host holds ---- */
mtype:Exit   = { no_record, ok, bad };
mtype:Pipe   = { open, go, eof };
mtype:Keeper = { absent, ready, told, minding, leaving };
mtype:Child  = { no_child, born, writing, patched, exit_ok, exit_bad };
mtype:At     = { idle, waiting, claiming, start_a, prepare, commit_prepared, send_go, watch, watch_blindly,
                 probe_a, success_a, wait_b, probe_b, start_b, guard_b, stopping, going_back, ask_undo, undo };
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
    bool seen_none;             /* its probe has looked, and nothing showed: the answer is on its way */
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
byte seen, agreed;              /* the question that the person has read; bits of the visits that were approved */
bool b_passed;                   /* nothing of B is to be undone */
bool by_person;                 /* a person answers for what B has left */

#define me              drivers[i]
#define other           drivers[1 - i]
#define commits         (latest == i)
#define fault           (!quiet && faults < FAULTS)
#define child_alive(k)  (child[k] == born || child[k] == writing || child[k] == patched)
#define locked(k)       (keepers[k] != absent || (RULE(LOCK_INHERITED) && child_alive(k)))
#define needs_driver    (status == running || (status == asking && (answer != none || cancel_row)) || \
                         (status == failed && (resumes || cancel_row)) || \
                         (status == approving && (approve_row || cancel_row)) || \
                         (rollback_row && !rolling && (status == asking || status == failed)))
#define free(driver)    (driver.at == idle && driver.body == no_body && !driver.doomed)
#define calm            (!cancel_row && !rollback_row && (!rolling || !RULE(BACK_ONLY)))
#define may_claim       ((needs_driver || !RULE(CLAIM_READS)) && (me.fresh || !RULE(CLAIM_NAMES)))
#define ended           (status == succeeded || status == cancelled || status == rolled_back)
#define in_doubt        (b != pending && b != done)
#define must_ask        (SHAPE == ASKS && approved != visit && (RULE(APPROVAL_EACH_VISIT) || !approved))
#define returned        (me.body != out && me.body != sent)
#define settled         (!RULE(SETTLE_FROM_END) || (!b_in_flight && (!b_happened || b_shown)))

inline close_pipe() {
    if :: me.spawned -> pipe[me.spawned] = eof; me.spawned = 0 :: else fi
}
inline leave() {                        /* the run is let go: its lock counts as free */
    me.at = idle; me.fresh = false; me.seen_none = false;
    if :: latest == i -> latest = NOBODY :: else fi
}
inline die() { close_pipe(); leave(); me.body = no_body; me.doomed = false }
inline go_back() { close_pipe(); me.seen_none = false; me.at = going_back }
inline accept_cancel() { cancel_event = true; close_pipe(); me.seen_none = false; me.at = stopping }
inline intend_b() {                     /* step_started for B; the loop then hands the body out */
    CHECK(5, !cancel_event);
    CHECK(14, !rolling);
    b = started; starts++;
    if
    :: SHAPE == ASKS && (RULE(GUARDS_EACH_START) || !guarded) -> me.at = guard_b
    :: else -> me.body = out; me.at = wait_b
    fi;
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
       :: SHAPE == ASKS && visit < 2 -> visit++; me.at = probe_b        /* on_failure: goto */
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
            CHECK(10, !ended);
            latest = i; me.fresh = false; other.fresh = false;
            if
            :: cancel_row && !rolling -> status = running; accept_cancel()
            :: rolling && RULE(BACK_ONLY) ->
                if
                :: status == asking && answer == say_done -> answered = true; by_person = true; b = done; b_passed = true
                :: status == asking && answer == say_retry -> answered = true
                :: else
                fi;
                resumes = 0; status = running; me.at = ask_undo
            :: rollback_row && !rolling && !cancel_row -> resumes = 0; status = running; go_back()
            :: status == approving && !cancel_row && approve_row == visit -> approved = visit; status = running; me.at = start_b
            :: status == approving && !cancel_row && approve_row != visit && !RULE(APPROVAL_FITS) ->
                approved = visit; status = running; me.at = start_b
            :: status == approving && !cancel_row && approve_row != visit && RULE(APPROVAL_FITS) -> leave()    /* refused */
            :: calm && status == asking && answer == say_done -> b = done; status = succeeded; leave()
            :: calm && status == asking && answer == say_retry ->
                retries++; granted = true; status = running; me.at = probe_b
            :: calm && status != asking && status != approving ->
                if :: status == failed -> resumes = 0; status = running :: else fi;
                if
                :: a == pending -> me.at = start_a
                :: a == started -> me.at = probe_a
                :: a == prepared || a == broken -> me.at = watch
                :: a == done && b == pending -> me.at = start_b
                :: a == done && b != pending -> me.at = probe_b
                fi
            fi;
            answer = none; approve_row = 0 }

    /* A: helm under a keeper */
    :: atomic { me.at == start_a && commits ->
            if
            :: cancel_row -> accept_cancel()
            :: !cancel_row && starts == STARTS -> a = broken; status = failed; leave()
            :: !cancel_row && starts < STARTS ->
                CHECK(5, !cancel_event);
                CHECK(14, !rolling);
                CHECK(8, record[kept] != ok);
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
            CHECK(6, commits);
            CHECK(5, !cancel_event);
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
            CHECK(3, !living); helm_pending = false }
    :: atomic { me.at == probe_a && !helm_deployed && !helm_pending -> me.at = start_a }     /* not done */
    :: atomic { me.at == probe_a -> me.at = start_a }                           /* cannot tell: converge */
    :: atomic { me.at == success_a && commits ->
            CHECK(4, a_happened);
            a = done; record[kept] = no_record; kept = 0; starts = 0;
            if :: cancel_row -> accept_cancel() :: else -> intend_b() fi }

    /* B: a command sent once; its body runs on the worker pool */
    :: atomic { !RULE(COMMIT_FIRST) && me.at == success_a && me.body == no_body -> me.body = out }
    :: atomic { me.body == out ->
            CHECK(6, commits);
            CHECK(1, b == (SHAPE == ASKS -> prepared : started));
            CHECK(11, SHAPE != ASKS || guarded == starts);
            CHECK(12, SHAPE != ASKS || (agreed & visit));
            CHECK(14, !rolling);
            CHECK(5, !cancel_event);
            b_in_flight++; me.body = sent }
    :: atomic { me.at == guard_b && commits -> guarded = starts; b = prepared; me.body = out; me.at = wait_b }
    :: atomic { me.at == guard_b && commits -> fail_b() }                       /* the guard refuses */
    :: atomic { !RULE(PREPARED_FIRST) && me.at == guard_b && me.body == no_body -> guarded = starts; me.body = out }
    :: atomic { me.body == out -> me.body = returned_bad }                      /* its last checks said no */
    :: atomic { me.body == sent && b_happened -> me.body = returned_ok }
    :: atomic { me.body == sent && b_in_flight -> b_in_flight--; me.body = returned_bad }
    :: atomic { me.body == sent -> me.body = returned_unknown }                 /* the connection broke */
    :: atomic { me.at == wait_b && commits && me.body == returned_ok ->
            CHECK(4, b_happened);
            b = done; status = succeeded; me.body = no_body; leave() }
    :: atomic { me.at == wait_b && commits && me.body == returned_bad -> me.body = no_body; fail_b() }
    :: atomic { me.at == wait_b && commits && me.body == returned_unknown -> me.body = no_body; me.at = probe_b }
    :: atomic { !RULE(BODY_RETURNS) && me.at == wait_b && commits && !returned ->     /* timeout */
            b = broken; status = failed; leave() }
    :: atomic { me.at == probe_b && commits && b_shown ->                       /* done */
            CHECK(4, b_happened);
            b = done; status = succeeded; leave() }
    :: atomic { (me.at == probe_b || me.at == ask_undo) && !me.seen_none && !b_shown &&
            (settled || !RULE(SETTLE_AT_LOOK)) -> me.seen_none = true }         /* it looks; it answers later */
    :: atomic { me.at == probe_b && me.seen_none && (settled || RULE(SETTLE_AT_LOOK)) ->        /* not done */
            me.seen_none = false; me.at = start_b }
    :: atomic { me.at == probe_b && commits ->                                  /* cannot tell: once */
            me.seen_none = false;
            if
            :: granted && RULE(RETRY_ACTS) -> me.at = start_b
            :: else -> CHECK(9, !granted);
                status = asking; leave()
            fi }
    :: atomic { me.at == start_b && commits ->
            if
            :: cancel_row -> accept_cancel()
            :: !cancel_row && starts == STARTS -> b = broken; status = failed; leave()
            :: !cancel_row && starts < STARTS && must_ask -> status = approving; leave()
            :: !cancel_row && starts < STARTS && !must_ask -> intend_b()
            fi }

    /* a cancel that arrives while the loop waits */
    :: atomic { cancel_row && !cancel_event && commits &&
            (me.at == watch || me.at == probe_a || me.at == wait_b || me.at == probe_b) ->
            if :: me.body == out && RULE(GATE) -> me.body = returned_bad :: else fi;
            accept_cancel() }
    /* a rollback: what is in flight is let go first, then what is not known is asked for, then all is undone */
    :: atomic { rollback_row && !rolling && !cancel_row && commits &&
            (me.at == watch || me.at == probe_a || me.at == wait_b || me.at == probe_b) ->
            if :: me.body == out && RULE(GATE) -> me.body = returned_bad :: else fi;
            go_back() }
    :: atomic { me.at == going_back && commits && (returned || !RULE(ROLLBACK_WAITS)) &&
            (!locked(kept) || !RULE(ROLLBACK_WAITS)) ->
            if :: returned -> me.body = no_body :: else fi;
            rolling = true; me.at = ask_undo }
    :: atomic { me.at == ask_undo && (!in_doubt || answered) -> me.at = undo }
    :: atomic { me.at == ask_undo && in_doubt && !answered && !RULE(UNDO_ASKS) -> b_passed = true; me.at = undo }
    :: atomic { me.at == ask_undo && in_doubt && !answered && b_shown -> me.at = undo }          /* done */
    :: atomic { me.at == ask_undo && in_doubt && !answered && me.seen_none &&                    /* not done */
            (settled || RULE(SETTLE_AT_LOOK)) -> b_passed = true; me.at = undo }
    :: atomic { me.at == ask_undo && in_doubt && !answered && commits ->                         /* cannot tell */
            status = asking; leave() }
    :: atomic { me.at == undo && commits ->
            a_happened = false; helm_deployed = false; helm_pending = false;
            if :: !b_passed -> b_happened = 0; b_in_flight = 0; b_shown = false :: else fi;
            status = rolled_back; leave();
            CHECK(13, !a_happened && !living && (!(b_happened || b_in_flight) || by_person)) }

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
            CHECK(1, kept == k);
            CHECK(3, !living);
            CHECK(5, status != cancelled && status != rolled_back);
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
            CHECK(5, status != cancelled && status != rolled_back);
            CHECK(13, status != rolled_back);
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
            CHECK(13, status != rolled_back || by_person);
            CHECK(2, b_happened <= 1 + retries) }
    :: atomic { b_in_flight -> b_in_flight-- }              /* lost on the way */
    :: atomic { b_happened && !b_shown -> b_shown = true }
    od
}

proctype person() {
end:
    do
    :: atomic { !quiet && !cancel_row && !rollback_row && !ended -> cancel_row = true }
    :: atomic { !quiet && status == asking && answer == none && answers < ANSWERS ->
            answers++; if :: answer = say_done :: answer = say_retry fi }
    :: atomic { SHAPE == BACK && !quiet && !cancel_row && !rollback_row && !ended -> rollback_row = true }
    :: atomic { status == approving && seen != visit -> seen = visit }
    :: atomic { !quiet && seen && !approve_row && !ended ->     /* also late, when the run has gone on */
            approve_row = seen; agreed = agreed | seen }
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
    timeout -> CHECK(7, status != running && !living && latest == NOBODY)
}
