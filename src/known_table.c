/*-------------------------------------------------------------------------
 *
 * known_table.c
 *	  What a backend knows of a table until the table changes.
 *
 * Rows that are read, changed or inserted without a statement need the OIDs of
 * table and index, numbers of columns, compiled CHECKs: looked up once, and
 * again when PostgreSQL says that the table or an index of it has changed. And
 * they may be looked for where they were before.
 *
 *-------------------------------------------------------------------------
 */
#include "known_table.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "storage/bufmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static KnownTable *all_known = NULL;

/* A table or an index has changed, or may have. */
static void
forget_relation(Datum unused pg_attribute_unused(), Oid relation)
{
	for (KnownTable *known = all_known; known != NULL; known = known->next)
	{
		if (relation == InvalidOid || relation == known->table || relation == known->index)
			known->valid = false;
	}
}

static void
look_up(KnownTable *known, const char *table, const char *index)
{
	Oid			schema = get_namespace_oid("evently", false);

	if (all_known == NULL)
		CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
	if (!known->kept)
	{
		known->next = all_known;
		all_known = known;
		known->kept = true;
	}
	known->table = get_relname_relid(table, schema);
	known->index = index ? get_relname_relid(index, schema) : InvalidOid;
	known->valid = true;
	known->learnt = false;
}

/*
 * Open a table of evently's, with what is true of it now: "learn" (or NULL) is
 * called where it has changed, and anew when it changes meanwhile or when an
 * error had left what was learnt in pieces.
 */
Relation
open_known_table(KnownTable *known, const char *table, const char *index, LOCKMODE mode,
				 LearnTable learn, void *arg)
{
	for (;;)
	{
		Relation	relation;

		if (!known->valid || !known->learnt)
			look_up(known, table, index);
		/* To lock it is to hear of changes. */
		relation = table_open(known->table, mode);
		if (!known->learnt && learn != NULL)
			learn(arg, relation);
		known->learnt = true;
		if (known->valid)
			return relation;
		table_close(relation, NoLock);
	}
}

/* The block behind the last one that has places; 0 where rows have none. */
BlockNumber
end_of_places(Relation table)
{
	return table->rd_tableam == GetHeapamTableAmRoutine() ? RelationGetNumberOfBlocks(table) : 0;
}

/*
 * Whether the table has such a place. A version found there may be another row's
 * by now: the caller looks at the key. If that is right the row is, because of
 * a key a snapshot sees one version.
 */
bool
is_place(Relation table, ItemPointer tid)
{
	return ItemPointerIsValid(tid) && ItemPointerGetBlockNumber(tid) < end_of_places(table);
}
