# pawl: see README.md. Targets: all demo check unit lint e2e bench install clean.
PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
CC      ?= gcc
SANITIZE ?=

WARNINGS  = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
HARDENING = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. -I$(BUILD)/include $(WARNINGS) $(CFLAGS) \
             $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer,$(HARDENING))
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE))
# libcurl and wslay are loaded only when a live cluster is spoken to (cluster/live/library.c).
LIBS      = -lyaml -lsqlite3 -ljansson -luv -lcrypto -lpthread -ldl -lm

HOUSES  = base jobs engine steps cluster state cli
SOURCES = $(sort $(foreach house,$(HOUSES),$(wildcard $(house)/*.c $(house)/*/*.c)))
OBJECTS = $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY = $(BUILD)/libpawl.a
UNIT_SOURCES = $(wildcard tests/unit/*_test.c)
UNIT_TESTS   = $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/unit/%)

.PHONY: all demo check unit lint e2e bench install clean
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
	$(CC) $(ALL_CFLAGS) -MMD -MP -Itests $(ALL_LDFLAGS) -o $@ $< $(LIBRARY) -lcheck -lsubunit -lrt $(LIBS)

unit: $(BUILD)/pawl $(UNIT_TESTS)
	@set -e; for test in $(UNIT_TESTS); do PAWL=$(abspath $(BUILD)/pawl) $$test; done

# A real Kubernetes on this machine, built where it is not in the cache yet; needs root.
e2e: $(BUILD)/pawl
	PAWL=$(abspath $(BUILD)/pawl) tests/e2e/run.sh

# How fast it is beside the SQLite below it; a missed target is said, and is no failure.
BENCH_SOURCES = $(wildcard tests/bench/*.c)
$(BUILD)/tests/bench/bench: $(BENCH_SOURCES:%.c=$(BUILD)/%.o) $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

bench: $(BUILD)/pawl $(BUILD)/tests/bench/bench
	$(BUILD)/tests/bench/bench $(BUILD)/pawl $(abspath $(BUILD))/bench

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

-include $(OBJECTS:.o=.d) $(UNIT_TESTS:=.d) $(BENCH_SOURCES:%.c=$(BUILD)/%.d)
