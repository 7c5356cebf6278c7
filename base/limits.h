/* A limit on every size, depth, count and wait. The manual names those that people meet. What goes over
 * one is an error that says which; texts that are only shown may be cut. */
#ifndef PAWL_BASE_LIMITS_H
#define PAWL_BASE_LIMITS_H

/* job files */
#define LIMIT_JOB_BYTES       (1024 * 1024)
#define LIMIT_JOB_STEPS       2000
#define LIMIT_JOB_NODES       200000 /* YAML nodes after aliases are followed: stops alias bombs */
#define LIMIT_JOB_DEPTH       64
#define LIMIT_ANCHORS         1000
#define LIMIT_JOB_DIAGNOSTICS 100 /* printed; the rest is counted */
#define LIMIT_PARAMS          200
#define LIMIT_NAME_BYTES      63
#define LIMIT_KEY_BYTES       255 /* of submit --key, and of PAWL_ACTOR */
#define LIMIT_GUARDS          8
#define LIMIT_VISITS          1000 /* max_visits may not ask for more */
#define LIMIT_ATTEMPTS        1000

/* expressions */
#define LIMIT_EXPRESSION_BYTES 4096
#define LIMIT_EXPRESSION_DEPTH 64
#define LIMIT_EXPRESSION_STEPS 1000000      /* evaluation steps: macros over lists multiply */
#define LIMIT_VALUE_BYTES      (256 * 1024) /* one value that an expression may build */
#define LIMIT_VALUE_DEPTH      256 /* lists and maps within each other, where values are compared or built */

/* values and records */
#define LIMIT_JSON_BYTES        (16 * 1024 * 1024) /* one answer of the API server */
#define LIMIT_JSON_DEPTH        256                /* arrays and objects within each other */
#define LIMIT_STORED_DEPTH      1024               /* … of what the store holds: values are wrapped there */
#define LIMIT_LIST_ITEMS        20000              /* objects of one list, all its pages together */
#define LIMIT_INPUTS_BYTES      (1024 * 1024)      /* of a step, as JSON; of params and vars together */
#define LIMIT_OUTPUTS_BYTES     (256 * 1024)       /* a step's outputs, as JSON */
#define LIMIT_VALUES_FILE_BYTES (4 * 1024 * 1024)

/* what the cluster and its configuration give */
#define LIMIT_KUBECONFIG_FILES   64
#define LIMIT_KUBECONFIG_BYTES   (4 * 1024 * 1024)
#define LIMIT_KUBECONFIG_NODES   100000 /* aliases are followed: stops alias bombs */
#define LIMIT_KUBECONFIG_DEPTH   32
#define LIMIT_TOKEN_BYTES        (64 * 1024) /* a tokenFile */
#define LIMIT_SECRET_BYTES       (64 * 1024) /* a secret param's file */
#define LIMIT_HANDSHAKE_BYTES    (64 * 1024) /* the answer to a WebSocket's upgrade, its body included */
#define LIMIT_EXEC_MESSAGE_BYTES (1024 * 1024)
#define LIMIT_EXEC_STATUS_BYTES  (64 * 1024)
#define LIMIT_CHART_BYTES        (64 * 1024 * 1024)
#define LIMIT_SIM_LOG_BYTES      (256 * 1024 * 1024)

/* the store's file, which is input too */
#define LIMIT_STORE_VALUE_BYTES (64 * 1024 * 1024) /* one row or value: what is larger is not ours */
#define LIMIT_STORE_SQL_BYTES   (64 * 1024)        /* one statement, the schema's included */
#define LIMIT_LISTED_RUNS       1000               /* by `pawl list`, which says so; --limit asks for more */
#define LIMIT_COUNT             1000000            /* visits, attempts and starts of one step in a record */
#define LIMIT_DURATION_MS       (10LL * 366 * 86400 * 1000) /* in a stored machine or record */

/* stacks, which `ulimit -s` may keep small, those of threads too: no frame is larger than 16 KiB */
#define LIMIT_PIECE_BYTES (8 * 1024) /* of a file or a pipe, read at a time */

/* children */
#define LIMIT_CAPTURE_BYTES  (1024 * 1024) /* of stdout and of stderr each, kept beside the store */
#define LIMIT_COMMAND_STDOUT (64 * 1024)   /* of stdout that becomes an output */
#define LIMIT_KEEPER_RECORD  (64 * 1024)   /* what a keeper says of its child and its end */
#define LIMIT_ARGUMENTS      256
#define LIMIT_ARGUMENT_BYTES (128 * 1024 - 1) /* one argument or variable: what Linux passes on */

/* what is printed while runs are driven, and nobody takes */
#define LIMIT_OUTLET_BYTES (4 * 1024 * 1024)

/* waits */
#define LIMIT_STORE_BUSY_MS 60000  /* how long a commit waits for another process's lock */
#define LIMIT_READ_HELM_MS  120000 /* helm history, get, pull, dry run */
#define LIMIT_ASK_MS        120000 /* a command that only looks: probe:, until:, a guard */
#define LIMIT_LAST_LOOK_MS  10000  /* a program that only looks, from when its step is to end on */
#define LIMIT_REQUEST_MS    30000  /* one request to the API server */
#define LIMIT_ANSWER_MS     10000  /* a driver takes up what people say to its run */
#define LIMIT_WORKERS       8      /* threads for step bodies */

#endif
