/*-------------------------------------------------------------------------
 *
 * node.c
 *	  Blocks of ids for databases that must not collide, and sequences that
 *	  have to catch up with the ids in their tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"

#include "refusal.h"
#include "spi_util.h"

#define MAX_NODE		1023
#define NODE_SHIFT		42
#define NODE_OF(id)		((int32) ((id) >> NODE_SHIFT))
#define BLOCK_OF(node)	((int64) (node) << NODE_SHIFT)

#define MAX_GAP			INT64CONST(1000000000)

/* set_node(node): take all ids from block node << 42 */
PG_FUNCTION_INFO_V1(ev_set_node);
Datum
ev_set_node(PG_FUNCTION_ARGS)
{
	static SpiQuery used = SPI_QUERY(
		"SELECT s.sequencename FROM pg_catalog.pg_sequences s"
		" WHERE s.schemaname = 'evently' AND s.last_value IS NOT NULL"
		" ORDER BY s.sequencename LIMIT 1");
	static SpiQuery set = SPI_QUERY(
		"SELECT pg_catalog.setval(pg_catalog.format('%I.%I', s.schemaname, s.sequencename)"
		"  ::pg_catalog.regclass, $1, false)"
		" FROM pg_catalog.pg_sequences s WHERE s.schemaname = 'evently'",
		INT8OID);
	int64		node = arg_int32_between(fcinfo, 0, "node", 0, MAX_NODE);
	Datum		values[1] = {Int64GetDatum(BLOCK_OF(node) + 1)};

	ev_connect();
	if (spi_run(&used, NULL, NULL) > 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE, "ids have already been taken",
					psprintf("Sequence evently.%s has been used.", spi_string(0, 1)),
					"Set the node of a new database before anything else.");
	(void) spi_run(&set, values, NULL);
	ev_finish((Datum) 0);
	PG_RETURN_VOID();
}

/* A sequence, the column that takes its ids, and what is known of both. */
typedef struct IdSequence
{
	Oid			oid;
	char	   *name;			/* qualified and quoted */
	char	   *table;
	char	   *column;
	int64		last;			/* given out last; one before the first id when none was */
	int64		highest;		/* in the column, of the block that counts; 0 for none */
	int64		of_others;		/* an id in the column of another block; 0 for none */
	int64		target;			/* what is to become of last */
} IdSequence;

static IdSequence *
list_sequences(int *n)
{
	static SpiQuery list = SPI_QUERY(
		"SELECT s.oid::pg_catalog.int8, pg_catalog.format('evently.%I', s.relname),"
		"  pg_catalog.format('evently.%I', t.relname), pg_catalog.quote_ident(a.attname)"
		" FROM pg_catalog.pg_class s"
		" JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
		"  AND d.refobjid = s.oid AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"
		" JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid"
		" JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum"
		" JOIN pg_catalog.pg_class t ON t.oid = f.adrelid AND t.relnamespace = s.relnamespace"
		" WHERE s.relkind = 'S' AND s.relnamespace = 'evently'::pg_catalog.regnamespace"
		" ORDER BY s.relname, t.relname");
	IdSequence *sequences;

	*n = (int) spi_run(&list, NULL, NULL);
	sequences = palloc0(sizeof(IdSequence) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		sequences[i].oid = (Oid) spi_int64(i, 1);
		sequences[i].name = spi_text(i, 2);
		sequences[i].table = spi_text(i, 3);
		sequences[i].column = spi_text(i, 4);
	}
	return sequences;
}

static void
read_sequence(IdSequence *sequence)
{
	SpiQuery	query = SPI_QUERY(NULL);

	query.sql = psprintf("SELECT CASE WHEN s.is_called THEN s.last_value ELSE s.last_value - 1 END FROM %s s",
						 sequence->name);
	(void) spi_read_fresh(&query, NULL, NULL);
	sequence->last = spi_int64(0, 1);
	SPI_freeplan(query.plan);
}

static void
read_ids(IdSequence *sequence, int32 node)
{
	SpiQuery	query = SPI_QUERY(NULL, INT8OID, INT8OID);
	Datum		values[2] = {Int64GetDatum(BLOCK_OF(node)), Int64GetDatum(BLOCK_OF(node + 1))};

	query.sql = psprintf("SELECT (SELECT pg_catalog.max(t.%1$s) FROM %2$s t WHERE t.%1$s >= $1 AND t.%1$s < $2),"
						 " coalesce((SELECT pg_catalog.min(t.%1$s) FROM %2$s t WHERE t.%1$s >= $2),"
						 "  (SELECT pg_catalog.max(t.%1$s) FROM %2$s t WHERE t.%1$s < $1))",
						 sequence->column, sequence->table);
	(void) spi_read_fresh(&query, values, NULL);
	sequence->highest = spi_int64(0, 1);
	sequence->of_others = spi_int64(0, 2);
	SPI_freeplan(query.plan);
}

/*
 * A copy that does not know whose place it takes would go on with ids of a block
 * that may be another database's.
 */
static void
check_whose_ids(const IdSequence *sequence)
{
	int32		other = NODE_OF(sequence->of_others);

	if (sequence->highest != 0 || sequence->of_others == 0)
		return;
	raise_error(ERRCODE_EVENTLY_WRONG_STATE, psprintf("all ids of %s are of another node", sequence->table),
				psprintf("This database gives out ids of node %d, and " INT64_FORMAT " is of node %d.",
						 NODE_OF(sequence->last + 1), sequence->of_others, other),
				psprintf("To take the place of node %d: SELECT * FROM evently.sync_ids(%d).", other, other));
}

/*
 * Read what there is, and say what is to become of the sequence. A node below 0
 * is the sequence's own.
 */
static void
plan_sequence(IdSequence *s, int32 node, int64 gap)
{
	int32		block;

	read_sequence(s);
	block = node >= 0 ? node : NODE_OF(s->last + 1);
	read_ids(s, block);
	if (node < 0)
		check_whose_ids(s);
	s->target = Max(BLOCK_OF(block), s->highest);
	if (s->last >= s->target && s->last < BLOCK_OF(block + 1))
		s->target = s->last;
	s->target += gap;
	if (s->target >= BLOCK_OF(block + 1) - 1)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE, psprintf("node %d has no ids left", block),
					psprintf("Sequence %s would have to go on after " INT64_FORMAT ".", s->name, s->target),
					"Ask for a smaller gap.");
}

/* Before the first id of a block a sequence has been called by nobody. */
static void
set_sequence(const IdSequence *s)
{
	static SpiQuery query = SPI_QUERY("SELECT pg_catalog.setval($1::pg_catalog.oid::pg_catalog.regclass, $2, $3)",
									  INT8OID, INT8OID, BOOLOID);
	bool		none = (s->target & (BLOCK_OF(1) - 1)) == 0;
	Datum		values[3] = {Int64GetDatum((int64) s->oid),
	Int64GetDatum(none ? s->target + 1 : s->target), BoolGetDatum(!none)};

	(void) spi_run(&query, values, NULL);
}

/*
 * sync_ids(node, gap): no id is given out that is in a table already.
 *
 * While a sequence is read and set nobody may take an id from it, or it might be
 * set back. setval() does not wait for a commit, so the lock need not be kept:
 * who holds one sequence's lock never waits for another, and whoever sells
 * meanwhile, in whatever order, meets no deadlock.
 */
PG_FUNCTION_INFO_V1(ev_sync_ids);
Datum
ev_sync_ids(PG_FUNCTION_ARGS)
{
	int32		node = PG_ARGISNULL(0) ? -1 : arg_int32_between(fcinfo, 0, "node", 0, MAX_NODE);
	int64		gap = arg_id(fcinfo, 1, "gap");
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	IdSequence *sequences;
	int			n;

	if (gap < 0 || gap > MAX_GAP)
		raise_bad_argument("gap must be between 0 and 1000000000",
						   psprintf("It is " INT64_FORMAT ".", gap), NULL);
	PreventCommandDuringRecovery("sync_ids()");
	InitMaterializedSRF(fcinfo, 0);
	ev_connect();
	sequences = list_sequences(&n);

	/* First what refuses, before anything is changed. */
	for (int i = 0; i < n; i++)
		plan_sequence(&sequences[i], node, gap);
	for (int i = 0; i < n; i++)
	{
		IdSequence *s = &sequences[i];
		Datum		values[2];
		bool		nulls[2] = {false, false};

		LockRelationOid(s->oid, ShareRowExclusiveLock);
		plan_sequence(s, node, gap);
		if (s->target != s->last)
			set_sequence(s);
		UnlockRelationOid(s->oid, ShareRowExclusiveLock);
		if (s->target == s->last)
			continue;
		values[0] = CStringGetTextDatum(s->name);
		values[1] = Int64GetDatum(s->target + 1);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	ev_finish((Datum) 0);
	return (Datum) 0;
}
