# pawl: see README.md. Targets: all demo check unit sanitize lint tidy e2e bench install clean, and each promise by itself:
# crash storm sim explore model power faults fuzz security rehearse-check mutants.
PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
CC      ?= gcc
SANITIZE ?=

WARNINGS  = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
# Control flow is checked where the processor can: on x86 by IBT and shadow stacks, on ARM by BTI and PAC.
PROTECTION_x86_64  = -fcf-protection
PROTECTION_aarch64 = -mbranch-protection=standard
HARDENING = -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -fPIE $(PROTECTION_$(shell uname -m))
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. -I$(BUILD)/include $(WARNINGS) $(CFLAGS) \
             $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer,$(HARDENING))
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE))
# libcurl and wslay are loaded only when a live cluster is spoken to (cluster/live/library.c).
# libcrypto is wanted for its hash functions alone: 50 kB of the archive, where loading the library would take every
# command 2 ms.
LIBS      = -lyaml -lsqlite3 -ljansson -luv -Wl,-Bstatic -lcrypto -Wl,-Bdynamic -lpthread -ldl -lm

HOUSES  = base jobs engine steps cluster state cli
SOURCES = $(sort $(foreach house,$(HOUSES),$(wildcard $(house)/*.c $(house)/*/*.c)))
OBJECTS = $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY = $(BUILD)/libpawl.a
UNIT_SOURCES = $(wildcard tests/unit/*_test.c)
UNIT_TESTS   = $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/unit/%)

.PHONY: model all demo check unit sanitize lint tidy e2e bench install clean
all: $(BUILD)/pawl

$(BUILD)/pawl: $(BUILD)/cli/main.o $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(LIBRARY): $(filter-out $(BUILD)/cli/main.o,$(OBJECTS))
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The schema is compiled in as text.
$(BUILD)/include/schema.sql.h: state/schema.sql
	@mkdir -p $(@D)
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $< > $@
$(BUILD)/state/migrate.o: $(BUILD)/include/schema.sql.h

$(BUILD)/unit/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ -Itests $(ALL_LDFLAGS) -o $@ $< $(LIBRARY) -lcheck -lsubunit -lrt $(LIBS)

unit: $(BUILD)/pawl $(UNIT_TESTS)
	@PAWL=$(abspath $(BUILD)/pawl) tests/check.sh $(UNIT_TESTS)

# Fuzz targets: each is a program that runs its kept inputs (a test), and one with libFuzzer (`make fuzz`).
FUZZ_SOURCES = $(wildcard tests/fuzz/*_fuzz.c)
FUZZ_REPLAYS = $(FUZZ_SOURCES:tests/fuzz/%_fuzz.c=$(BUILD)/replay/%)
FUZZ_TARGETS = $(FUZZ_SOURCES:tests/fuzz/%_fuzz.c=$(BUILD)/fuzz/%)
FUZZ_SUPPORT = $(BUILD)/libfuzz.a
FUZZ_SUPPORT_SOURCES = $(addprefix tests/fuzz/,place.c fake_curl.c stored.c)

$(FUZZ_SUPPORT): $(FUZZ_SUPPORT_SOURCES:%.c=$(BUILD)/%.o)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/replay/%: $(BUILD)/tests/fuzz/%_fuzz.o $(BUILD)/tests/fuzz/replay.o $(FUZZ_SUPPORT) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%_fuzz.o $(FUZZ_SUPPORT) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# SECONDS=n for each target (60), TARGETS="job record" for some of them.
.PHONY: fuzz fuzz-programs
fuzz-programs: $(FUZZ_TARGETS) $(FUZZ_REPLAYS) $(BUILD)/pawl
fuzz: packages-lint
	@$(BUILD_ALSO) BUILD=$(BUILD)/fuzzing CC=clang SANITIZE=address,undefined,fuzzer-no-link CFLAGS="-O1 -g" fuzz-programs
	@SECONDS_EACH=$(or $(SECONDS),60) tests/fuzz/run.sh $(BUILD)/fuzzing $(TARGETS)

# Who looks over its shoulder, stands in its way or speaks through it: secrets, modes, links, terminals.
.PHONY: security
security: packages-check
	@$(BUILD_ALSO) all
	@PAWL=$(abspath $(BUILD)/pawl) tests/security/run.sh

# What is missing of Debian's packages is installed first; nothing else is needed on a fresh system.
packages-build packages-check packages-lint packages-model:
	@tests/packages.sh $(@:packages-%=%)

demo: packages-build
	@$(BUILD_ALSO) all
	@tests/demo/demo.sh $(BUILD)/pawl

check: packages-check
	@$(BUILD_ALSO) check-built

# The programs that the tests consist of; each ends with what it counted.
# Named one by one: one that is missing has failed (a wildcard would pass over it).
CHECKS = $(UNIT_TESTS) $(FUZZ_REPLAYS) tests/readme_test.sh tests/rehearse/run.sh tests/security/run.sh tests/crash/run.sh \
         tests/simulation/run.sh
.PHONY: check-built
check-built: $(BUILD)/pawl $(UNIT_TESTS) $(FUZZ_REPLAYS) $(BUILD)/simulation-memory $(BUILD)/simulation-sqlite
	@PAWL=$(abspath $(BUILD)/pawl) BUILD=$(abspath $(BUILD)) tests/check.sh $(CHECKS)

# A build of its own, on all processors.
PROCESSORS := $(shell nproc)
BUILD_ALSO = $(MAKE) --no-print-directory -s -j$(PROCESSORS)

sanitize: packages-lint
	@$(BUILD_ALSO) BUILD=$(BUILD)/asan CC=clang SANITIZE=address,undefined CFLAGS="-O1 -g" unit
	@tests/demo/demo.sh $(BUILD)/asan/pawl >/dev/null
	@$(BUILD_ALSO) BUILD=$(BUILD)/tsan CC=clang SANITIZE=thread CFLAGS="-O1 -g" unit
	@tests/demo/demo.sh $(BUILD)/tsan/pawl >/dev/null

FORMATTED = $(sort $(SOURCES) $(foreach house,$(HOUSES),$(wildcard $(house)/*.h $(house)/*/*.h)) \
              $(wildcard tests/*.h tests/*/*.c tests/*/*.h))
lint: packages-lint
	@tests/lint/arrows.sh
	@tests/model/run.sh names
	@tests/lint/no_shell.sh
	@clang-format --dry-run -Werror $(FORMATTED)
	@shellcheck tests/*.sh tests/*/*.sh .ci/run
	@$(BUILD_ALSO) CC=gcc all
	@$(BUILD_ALSO) BUILD=$(BUILD)/clang CC=clang all
	@$(MAKE) --no-print-directory tidy
	@echo "lint: clean"

tidy: $(BUILD)/include/schema.sql.h
	@printf '%s\n' $(SOURCES) | xargs -P $(PROCESSORS) -I{} clang-tidy --quiet {} 2>/dev/null \
	    -- $(ALL_CFLAGS) >$(BUILD)/tidy.log || { grep -E 'error:|warning:' $(BUILD)/tidy.log; exit 1; }

e2e: $(BUILD)/pawl
	PAWL=$(abspath $(BUILD)/pawl) tests/e2e/run.sh

# Deterministic simulation: the engine with time, scheduling, store and cluster driven by one seed. What it replaces of
# pawl it defines itself, or the linker wraps. SECONDS=n (60), SEED=n repeats one history, HISTORIES=n.
SIM_WRAPPED = clock_system lock_take lock_is_held folder_make folder_remove folder_temporary file_read getrandom \
              cluster_open_recorded gate_pass store_commit process_run machine_read machine_free \
              step_kind_find step_declaration_find step_declarations file_replace values_file_stage \
              values_file_commit world_open world_close world_begin world_end world_abandon world_effect world_event \
              clock_gettime nanosleep sigaction raise
SIM_SOURCES = $(filter-out %/store_memory.c %/store_sqlite.c,$(wildcard tests/simulation/*.c))
SIM_OBJECTS = $(SIM_SOURCES:%.c=$(BUILD)/%.o)
$(BUILD)/tests/simulation/%.o: ALL_CFLAGS += -Itests
$(BUILD)/simulation-%: $(SIM_OBJECTS) $(BUILD)/tests/simulation/store_%.o $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) $(SIM_WRAPPED:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

.PHONY: sim
sim: $(BUILD)/simulation-memory $(BUILD)/simulation-sqlite
	@$(BUILD)/simulation-memory $(BUILD)/simulation-sqlite
-include $(SIM_OBJECTS:.o=.d) $(wildcard $(BUILD)/tests/simulation/store_*.d)

# How fast it is beside the SQLite below it; a missed target is said, and is no failure.
BENCH_SOURCES = $(wildcard tests/bench/*.c)
$(BUILD)/tests/bench/bench: $(BENCH_SOURCES:%.c=$(BUILD)/%.o) $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

bench: packages-check
	@$(MAKE) --no-print-directory all $(BUILD)/tests/bench/bench
	@$(BUILD)/tests/bench/bench $(BUILD)/pawl $(abspath $(BUILD))/bench

# Unsafe jobs are caught, the shipped ones are safe, nothing of the operator's is touched.
.PHONY: rehearse-check
rehearse-check: $(BUILD)/pawl
	@PAWL=$(abspath $(BUILD)/pawl) tests/rehearse/run.sh

# SIGKILL everywhere on the simulated cluster; SEED=n repeats the random part.
.PHONY: crash
crash: $(BUILD)/pawl $(BUILD)/crash/shim.so
	PAWL=$(abspath $(BUILD)/pawl) CRASH_SHIM=$(abspath $(BUILD)/crash/shim.so) python3 -B tests/crash/crash.py

# Deliberate defects, each of which the tests must find: see tests/mutants/mutants.py.
.PHONY: mutants
mutants: packages-lint
	@python3 -B tests/mutants/mutants.py

# SIGKILL at random on several runs and drivers of one store: KILLS=2000 MINUTES=60 SEED=n.
.PHONY: storm
storm: $(BUILD)/pawl $(BUILD)/crash/shim.so
	PAWL=$(abspath $(BUILD)/pawl) CRASH_SHIM=$(abspath $(BUILD)/crash/shim.so) python3 -B tests/crash/storm.py

$(BUILD)/crash/shim.so: tests/crash/shim.c tests/preload.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARNINGS) -O2 -shared -fPIC -o $@ $< -ldl

# All that can happen to machines of one to four steps, through the real code. SIZE=full for more.
EXPLORE_SOURCES = $(wildcard tests/exploration/*.c)
$(BUILD)/tests/exploration/%.o: ALL_CFLAGS += -Itests
$(BUILD)/tests/exploration/explore: $(EXPLORE_SOURCES:%.c=$(BUILD)/%.o) $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: explore explore-built
explore: packages-check
	@$(BUILD_ALSO) explore-built
explore-built: $(BUILD)/tests/exploration/explore
	@$< $(SIZE)
-include $(EXPLORE_SOURCES:%.c=$(BUILD)/%.d)

# Power loss at every sync, and disks that fail; SEED=n repeats the random part.
.PHONY: power
POWER_SOURCES = tests/power/losses.c tests/power/promises.c tests/power/disk.c
POWER = $(BUILD)/power/losses $(BUILD)/power/recorder.so $(BUILD)/power/faults.so
power: packages-check
	@$(BUILD_ALSO) all $(POWER)
	@PAWL=$(abspath $(BUILD)/pawl) POWER=$(abspath $(BUILD)/power) python3 -B tests/power/power.py

$(BUILD)/power/losses: $(POWER_SOURCES:%.c=$(BUILD)/%.o) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/power/%.so: tests/power/%.c tests/power/record.h tests/preload.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARNINGS) -O2 -shared -fPIC -o $@ $< -ldl

# Full and read-only disks, limits, closed streams, a held store; as root, with mounts of its own.
.PHONY: faults
faults: packages-check
	@$(BUILD_ALSO) all $(BUILD)/power/faults.so
	@PAWL=$(abspath $(BUILD)/pawl) FAULTS=$(abspath $(BUILD)/power/faults.so) python3 -B tests/faults/faults.py

# The protocol as a model, searched by spin: each shape with all rules, and each rule left out.
model: packages-model
	@tests/model/run.sh

COMPLETIONS = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
install: $(BUILD)/pawl
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/pawl/jobs $(DESTDIR)$(PREFIX)/share/man/man1 \
	        $(COMPLETIONS)
	install -m 644 docs/pawl.1 $(DESTDIR)$(PREFIX)/share/man/man1/pawl.1
	$(BUILD)/pawl completion > $(COMPLETIONS)/pawl
	chmod 644 $(COMPLETIONS)/pawl
	install -m 755 $(BUILD)/pawl $(DESTDIR)$(PREFIX)/bin/pawl
	install -m 644 $(wildcard jobs/*.yaml) $(DESTDIR)$(PREFIX)/share/pawl/jobs/

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(UNIT_TESTS:=.d) $(wildcard $(BUILD)/tests/fuzz/*.d) $(BENCH_SOURCES:%.c=$(BUILD)/%.d) $(POWER_SOURCES:%.c=$(BUILD)/%.d)
