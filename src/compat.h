/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between the supported versions of PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_COMPAT_H
#define EVENTLY_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "evently needs PostgreSQL 15 or later"
#endif

/* Moved out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Before a declaration: the function does not return. */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/* A small number that no other live backend has (needs storage/proc.h). */
#if PG_VERSION_NUM >= 170000
#define EV_BACKEND_SLOT ((int) MyProcNumber)
#else
#define EV_BACKEND_SLOT (MyProc->pgprocno)
#endif

/* An index scan for a single search. */
#if PG_VERSION_NUM >= 180000
#define ev_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, NULL, nkeys, 0)
#else
#define ev_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, nkeys, 0)
#endif

#endif							/* EVENTLY_COMPAT_H */
