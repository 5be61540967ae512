# evently: an event-management system inside PostgreSQL.
#
# "make help" lists what can be made. all, install, installcheck and clean are
# PGXS's; PG_CONFIG chooses the PostgreSQL to build for.

EXTENSION = evently
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" evently.control)

# The install script is these modules, in this order. What another version's
# update script needs is told in sql/updates/README.md.
SQL_MODULES = \
	sql/00_preamble.sql \
	sql/10_ids_and_domains.sql \
	sql/20_catalogue.sql \
	sql/21_venue_bookings.sql \
	sql/22_search.sql \
	sql/30_inventory.sql \
	sql/40_orders.sql \
	sql/50_tickets_and_outbox.sql \
	sql/51_scans_and_keys.sql \
	sql/52_waitlist.sql \
	sql/53_jobs.sql \
	sql/54_daily_sales.sql \
	sql/55_roles.sql \
	sql/60_guards.sql \
	sql/70_catalogue_functions.sql \
	sql/71_order_functions.sql \
	sql/72_job_functions.sql \
	sql/73_venue_functions.sql \
	sql/74_door_functions.sql \
	sql/75_search_functions.sql \
	sql/76_waitlist_functions.sql \
	sql/77_outbox_functions.sql \
	sql/78_daily_sales_functions.sql \
	sql/79_id_functions.sql \
	sql/79_role_functions.sql \
	sql/80_views.sql \
	sql/81_venue_views.sql \
	sql/82_sales_views.sql \
	sql/83_door_views.sql \
	sql/84_status_views.sql \
	sql/85_verify_sales.sql \
	sql/86_verify_bookings.sql \
	sql/87_verify_door.sql \
	sql/88_verify_waitlist.sql \
	sql/88_verify_search.sql \
	sql/88_verify_reports.sql \
	sql/89_verify.sql \
	sql/90_dump_and_privileges.sql

MODULE_big = evently
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
SHLIB_LINK = -lcrypto -lqrencode -lpng
DATA = sql/evently--0.1.0.sql
UPDATES = sql/evently--0.1.0--$(EXTVERSION).sql
DATA_built = sql/evently--$(EXTVERSION).sql $(UPDATES)

# test/: sql (pg_regress), specs (isolation), pgtap (pg_prove), t (TAP: prove).
# What the first two must print is in expected/.
REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test
ISOLATION = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. \
	--load-extension=postgis --load-extension=btree_gist \
	--load-extension=pg_trgm --load-extension=evently
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl
PROVE_FLAGS = -I test/perl

# What needs no PGXS must work before PostgreSQL's headers are installed; and
# PGXS has a target "check" of its own, which only refuses.
OWN_GOALS = help check check-versions docs demo demo-stop bench bench-%
ifeq ($(filter $(OWN_GOALS),$(MAKECMDGOALS)),)
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(PGXS),)
$(error $(PG_CONFIG) not found: install PostgreSQL's server headers, or name PG_CONFIG)
endif
include $(PGXS)

sql/evently--$(EXTVERSION).sql: $(SQL_MODULES) evently.control
	cat $(SQL_MODULES) >$@

# A line "@include FILE" of an update stands for that module.
$(UPDATES): sql/evently--%.sql: sql/updates/%.sql $(SQL_MODULES)
	awk '$$1 != "@include" { print; next } \
		{ if ((getline line <$$2) < 1) exit 1; do print line; while ((getline line <$$2) > 0) }' $< >$@

$(OBJS): $(wildcard src/*.h)

else
.PHONY: help check check-versions docs demo demo-stop bench bench-search bench-reports

help:
	@echo 'make check       install what is missing, build, run every test on a private server'
	@echo 'make check-versions   the same on PostgreSQL 15, 17 and 18; VERSIONS="17 18" picks'
	@echo 'make docs        write docs/reference.md and docs/entities.svg from the catalogue'
	@echo 'make demo        install what is missing, build, sell a season on a private server;'
	@echo '                 FIXTURES=file.csv takes a real fixture list'
	@echo 'make demo-stop   end the demo and remove its server'
	@echo 'make bench       measure against peers, on a private server; QUICK=1 for two minutes;'
	@echo '                 bench-sell, bench-door, …: one part of it (bench/README.md)'
	@echo 'make bench-search   measure discovery at 10,000 and 1,000,000 events, on a private server'
	@echo 'make bench-reports  measure the views for reports at 10,000,000 tickets, on a private server'
	@echo 'make             build                          (needs PostgreSQL'"'"'s server headers)'
	@echo 'make install     install into the PostgreSQL that PG_CONFIG names'
	@echo 'make installcheck   run the tests against your own running server'
	@echo 'make clean       remove what was built'

check:
	scripts/check

check-versions:
	scripts/check-versions $(VERSIONS)

docs:
	scripts/make-docs

demo:
	@scripts/demo start $(if $(FIXTURES),'$(FIXTURES)')

demo-stop:
	@scripts/demo stop

bench:
	bench/run $(if $(QUICK),--quick)
	$(if $(QUICK),SIZES=1000 ROUNDS=1 RESULT=quick.search) bench/search

bench-search bench-reports:
	bench/$(@:bench-%=%)

bench-%:
	bench/run $(if $(QUICK),--quick) $*
endif
