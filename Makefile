# The few verbs; "make help" lists them.
#
# Variables: PORT (of the demo), BUILD (directory), CC, CFLAGS and LDFLAGS (what
# is added to ours), NGX_SRC (headers and build system of the installed nginx),
# DESTDIR (of install), TESTS and PROVE_FLAGS (of test and asan), SECONDS, TOPICS
# and SEED (of fuzz, fuzz-portal and chaos), USERS (of chaos), ONLY (of applications,
# screenshots and mutate), MINUTES (of mutate), QUICK and BENCH (topics of bench).

SHELL        = /bin/bash
.SHELLFLAGS  = -eu -o pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL = all

BUILD        = build
NGX_SRC      = /usr/share/nginx/src
PORT         = 8443
CC           = cc
CFLAGS       =
LDFLAGS      =
DESTDIR      =
PROVE_FLAGS  = -j4
TESTS        =
SECONDS      =
TOPICS       =
SEED         =
MINUTES      =
ONLY         =
QUICK        =
BENCH        =

src          = ngx_http_totp_module
name         = ngx_http_totp_module
module       = $(BUILD)/$(name).so
objs         = $(abspath $(BUILD))/nginx

# -Wno-unused-parameter is nginx's own: its handlers have fixed signatures

warnings     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wno-unused-parameter -Werror
hardening    = -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2
cc_opt       = $(hardening) $(warnings) $(CFLAGS)
ld_opt       = -Wl,-z,relro -Wl,-z,now $(LDFLAGS)

sources      = $(wildcard $(src)/*.c $(src)/*/*.c)
headers      = $(wildcard $(src)/*.h $(src)/*/*.h)
units        = $(patsubst t/unit/%.c,build/unit/%,$(wildcard t/unit/test_*.c))
embedded     = $(wildcard $(src)/page/pages/*.html $(src)/page/assets/* \
                          $(src)/page/lang/*.lang $(src)/store/lua/*.lua)

# A make for another directory that does not take our variables for its own.

submake      = env -u MAKEFLAGS -u MAKEOVERRIDES $(MAKE) --no-print-directory -s

# What nginx's configure depends on.  The times of files do not tell: those of a
# package are older than the day it was installed.

configured_by = { cat config $(NGX_SRC)/conf_flags $(NGX_SRC)/src/core/nginx.h || :; \
                  dpkg-query -W nginx-dev || :; \
                  echo '$(CC) $(cc_opt) $(ld_opt) $(headers)'; } 2>/dev/null \
                | cksum
configured   = $(objs)/configured-$(firstword $(shell $(configured_by)))

.PHONY: all
all: $(module)


# nginx-dev has headers and the build system; only our sources are compiled.

$(module): $(sources) $(headers) $(src)/exports.map $(objs)/totp_embedded.c \
           $(configured)
	@echo "building $@"
	@$(submake) -f $(objs)/Makefile -C $(NGX_SRC) modules
	@cp $(objs)/$(name).so $@.new
	@mv $@.new $@

$(configured): | packages
	@rm -f $(objs)/configured-*
	@mkdir -p $(objs)
	@echo "configuring for nginx $$(sed -n 's/^#define NGINX_VERSION *"\(.*\)"/\1/p' \
	    $(NGX_SRC)/src/core/nginx.h)"
	@dir=$$PWD; cd $(NGX_SRC); . ./conf_flags; \
	./configure "$${NGX_CONF_FLAGS[@]}" --with-cc='$(CC)' \
	    --with-cc-opt='$(cc_opt)' --with-ld-opt='$(ld_opt)' \
	    --add-dynamic-module="$$dir" --builddir=$(objs) \
	    > $(objs)/configure.log \
	|| { tail -n 5 $(objs)/configure.log; \
	     echo "nginx's configure failed: see $(BUILD)/nginx/configure.log" \
	          "and autoconf.err beside it"; exit 1; } >&2
	@touch $@

$(objs)/totp_embedded.c: $(embedded) $(src)/embed.sh | $(configured)
	@sh $(src)/embed.sh $(src) $@

.PHONY: packages
packages:
	@case "$$PWD" in *[!A-Za-z0-9/._+,@%-]*) \
	    echo "nginx's build system cannot work in '$$PWD':" \
	         "use a directory without spaces" >&2; exit 1;; esac
	@NGX_SRC=$(NGX_SRC) sh t/lib/install.sh --check build


.PHONY: demo
demo: ## nginx with the module, Redis and an application on https://localhost:8443
	@sh t/lib/install.sh build demo
	@$(MAKE) all
	@exec perl conf/demo/run --module $(module) --dir $(BUILD)/demo --port $(PORT)


# Unit tests, tests on a real nginx and Redis, and those in a browser, all joined
# in one run of prove.  The tests with faults come first, which mostly wait; the
# browser comes last, which never does.

.PHONY: test
test: ## every test; TESTS='t/10-*.t' runs some, PROVE_FLAGS is prove's
	@sh t/lib/install.sh build test
	@sh t/lib/install.sh --npm
	@$(MAKE) all
	@echo "building the unit tests"
	@$(submake) -C t/unit all
	@TOTP_MODULE=$${TOTP_MODULE:-$(abspath $(module))} \
	prove $(PROVE_FLAGS) --exec 'sh t/lib/tap.sh' \
	    $(or $(TESTS),$(units) $(wildcard t/4*.t) $(filter-out t/4%,$(wildcard t/*.t)) \
	           $(wildcard t/browser/*.mjs))

# php-cgi comes first: the wiki would else bring a web server of its own

.PHONY: applications
applications: ## real applications behind the gate, in a browser; ONLY='wiki' some
	@sh t/lib/install.sh build test php
	@sh t/lib/install.sh wiki
	@sh t/lib/install.sh --npm
	@mkdir -p build/applications
	@cp t/applications/package.json t/applications/package-lock.json \
	    build/applications
	@sh t/lib/install.sh --npm build/applications
	@$(MAKE) all
	@TOTP_MODULE=$${TOTP_MODULE:-$(abspath $(module))} \
	timeout 600 node t/applications/run.mjs '$(ONLY)'

.PHONY: unit
unit: ## the unit tests of the pure sources alone
	@sh t/lib/install.sh build unit
	@$(submake) -C t/unit run

# Figures, not a test: nothing here passes or fails by time.

.PHONY: bench
bench: ## speed against what Debian packages; QUICK=1, BENCH="requests storm"
	@sh t/lib/install.sh build bench
	@$(MAKE) all
	@TOTP_MODULE=$(abspath $(module)) \
	perl t/bench/run $(if $(QUICK),--quick) $(BENCH)

.PHONY: fuzz
fuzz: ## fuzz the parsers, SECONDS each; TOPICS='uri form' chooses
	@sh t/lib/install.sh build fuzz
	@$(submake) -C t/fuzz $(foreach v,SECONDS TOPICS,$(if $($v),$v='$($v)'))

.PHONY: fuzz-portal
fuzz-portal: ## fuzz the portal in a whole nginx for SECONDS; SEED repeats a run
	@sh t/lib/install.sh build test asan
	@$(submake) -C t/fuzz portal SECONDS='$(or $(SECONDS),300)' SEED='$(SEED)'

# The tests, but for those of a browser, on an nginx with sanitizers: t/asan.  And
# but for that of the memory: a sanitizer keeps for a while what was freed, also
# by libraries, so that it can tell who uses it again.

.PHONY: asan
asan: ## the tests under AddressSanitizer and UBSan; TESTS chooses
	@sh t/lib/install.sh build test asan
	@$(MAKE) all
	@$(submake) -C t/asan
	@$(submake) -C t/unit all SAN=1
	@sh t/asan/env.sh prove $(PROVE_FLAGS) --exec 'sh t/lib/tap.sh' \
	    $(or $(TESTS),$(units:build/unit/%=build/unit-san/%) \
	        $(filter-out t/52-%,$(wildcard t/*.t)))

.PHONY: screenshots
screenshots: ## a picture of every page and state, into build/screenshots
	@sh t/lib/install.sh build test pictures
	@sh t/lib/install.sh --npm
	@$(MAKE) all
	@node t/browser/lib/screenshots.mjs $(BUILD)/screenshots '$(ONLY)'

.PHONY: chaos
chaos: ## users against faults of every kind; SECONDS, USERS, SEED to repeat
	@sh t/lib/install.sh build chaos
	@$(MAKE) all
	@TOTP_MODULE=$${TOTP_MODULE:-$(abspath $(module))} \
	SECONDS=$(or $(SECONDS),120) SEED=$(SEED) USERS=$(or $(USERS),200) \
	perl t/chaos/chaos.pl

.PHONY: mutate
mutate: ## does a test notice wrong code? MINUTES=60, SEED, ONLY='totp_uri' some
	@sh t/lib/install.sh build test
	@perl t/mutate/mutate.pl --minutes $(or $(MINUTES),60) \
	    $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)')

.PHONY: lint
lint: $(configured) ## gcc, clang and cppcheck over the sources; layers; scripts
	@perl t/lib/lint.pl --objs $(objs) --nginx $(NGX_SRC) -- $(warnings)


.PHONY: install
install: all ## the module into nginx's directory, without enabling it
	@modules=$$(. $(NGX_SRC)/conf_flags; printf '%s\n' "$${NGX_CONF_FLAGS[@]}" \
	    | sed -n 's/^--modules-path=//p'); \
	available=/usr/share/nginx/modules-available; \
	install -D -m 644 $(module) "$(DESTDIR)$$modules/$(name).so"; \
	install -d "$(DESTDIR)$$available"; \
	echo "load_module modules/$(name).so;" \
	    > "$(DESTDIR)$$available/mod-http-totp.conf"; \
	echo "installed $(DESTDIR)$$modules/$(name).so; to enable it:"; \
	echo "  ln -s $$available/mod-http-totp.conf" \
	     "/etc/nginx/modules-enabled/50-mod-http-totp.conf"

.PHONY: clean
clean: ## remove what was built, with the demo's users and the browser tests' packages
	@rm -rf $(BUILD) t/browser/node_modules
	@for d in t/unit t/fuzz; do \
	    if [ -f $$d/Makefile ]; then $(submake) -C $$d clean; fi; done

.PHONY: help
help: ## this list
	@echo "make             build $(module) for the installed nginx"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) \
	    | while IFS=$$'\t' read -r verb text; do \
	          printf 'make %-11s %s\n' "$$verb" "$$text"; done
