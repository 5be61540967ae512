/*-------------------------------------------------------------------------
 *
 * known_table.h
 *	  What a backend knows of a table until the table changes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_KNOWN_TABLE_H
#define EVENTLY_KNOWN_TABLE_H

#include "postgres.h"

#include "storage/block.h"
#include "storage/itemptr.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* A table of evently's, and the index that matters. Never freed. */
typedef struct KnownTable
{
	Oid			table;
	Oid			index;			/* InvalidOid: none in particular */
	bool		valid;			/* unchanged since it was looked up */
	bool		learnt;			/* and what is kept of it is whole */
	struct KnownTable *next;
	bool		kept;
} KnownTable;

typedef void (*LearnTable) (void *arg, Relation table);

extern Relation open_known_table(KnownTable *known, const char *table, const char *index,
								 LOCKMODE mode, LearnTable learn, void *arg);
extern BlockNumber end_of_places(Relation table);
extern bool is_place(Relation table, ItemPointer tid);

#endif							/* EVENTLY_KNOWN_TABLE_H */
