/*-------------------------------------------------------------------------
 *
 * row_insert.c
 *	  Inserting one row without a statement.
 *
 * Each run of a kept INSERT parses the CHECKs of its table anew from the
 * catalogue, which took 43 percent of a reservation's instructions, and starts
 * and ends the executor. Here what it takes to insert, with the compiled CHECKs,
 * is kept by the backend until the table or an index of it changes.
 *
 * What a statement would do is done: domains, generated columns, NOT NULL,
 * CHECKs, indexes, uniqueness. Two things are not. A foreign key to a table of
 * evently's is not looked up: the caller has just inserted, or has locked, the row
 * that it names. And whatever else may be hung onto a table by its owner (triggers,
 * rules, foreign keys to other tables, other kinds of indexes, columns with
 * defaults) makes it a statement again.
 *
 *-------------------------------------------------------------------------
 */
#include "row_insert.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "known_table.h"
#include "spi_util.h"

typedef struct InsertState
{
	KnownTable	known;
	const RowInsert *into;
	MemoryContext context;		/* of what follows */
	int			ncolumns;
	AttrNumber	columns[EV_MAX_INSERTED];
	Oid			domains[EV_MAX_INSERTED];	/* InvalidOid: not a domain */
	void	   *domain_checks[EV_MAX_INSERTED];
	SpiQuery   *statement;		/* NULL: not needed */

	/* for the executor's parts, which keep what they compile in here */
	EState	   *estate;
	ResultRelInfo *result;
	Oid		   *indexes;
} InsertState;

/* Whether an insert fires nothing but lookups of foreign keys within evently. */
static bool
has_own_triggers_only(Relation table)
{
	TriggerDesc *triggers = table->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (!TRIGGER_FOR_INSERT(trigger->tgtype))
			continue;
		if (!trigger->tgisinternal || !OidIsValid(trigger->tgconstrrelid) ||
			get_rel_namespace(trigger->tgconstrrelid) != RelationGetNamespace(table))
			return false;
	}
	return true;
}

/* Whether the columns that are not given may be null. */
static bool
has_other_defaults(const InsertState *state, TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		bool		given = false;

		if (column->attisdropped || column->attgenerated != '\0')
			continue;
		for (int j = 0; j < state->ncolumns && !given; j++)
			given = state->columns[j] == column->attnum;
		if (!given && (column->atthasdef || column->attidentity != '\0' ||
					   get_typtype(column->atttypid) == TYPTYPE_DOMAIN))
			return true;
	}
	return false;
}

static bool
has_other_indexes(const ResultRelInfo *result)
{
	for (int i = 0; i < result->ri_NumIndices; i++)
	{
		if (result->ri_IndexRelationDescs[i]->rd_rel->relam != BTREE_AM_OID)
			return true;
	}
	return false;
}

/* The same as a statement. */
static SpiQuery *
make_statement(const RowInsert *into, const InsertState *state, TupleDesc desc)
{
	SpiQuery   *query = palloc0(sizeof(SpiQuery));
	StringInfoData sql;
	StringInfoData values;

	initStringInfo(&sql);
	initStringInfo(&values);
	appendStringInfo(&sql, "INSERT INTO evently.%s AS r (", quote_identifier(into->table));
	for (int i = 0; i < state->ncolumns; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, state->columns[i] - 1);

		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "", quote_identifier(into->columns[i]));
		appendStringInfo(&values, "%s$%d", i > 0 ? ", " : "", i + 1);
		query->argtypes[i] = getBaseType(column->atttypid);
	}
	appendStringInfo(&sql, ") VALUES (%s) RETURNING r", values.data);
	query->sql = sql.data;
	query->nargs = state->ncolumns;
	return query;
}

/* Find out what it takes to insert. */
static void
learn(void *arg, Relation table)
{
	InsertState *state = arg;
	const RowInsert *into = state->into;
	TupleDesc	desc = RelationGetDescr(table);
	MemoryContext old;

	StaticAssertStmt(EV_MAX_INSERTED <= EV_MAX_ARGS, "a statement takes as many");
	if (state->statement != NULL && state->statement->plan != NULL)
		SPI_freeplan(state->statement->plan);
	MemoryContextReset(state->context);
	old = MemoryContextSwitchTo(state->context);
	memset(state->domain_checks, 0, sizeof(state->domain_checks));
	state->statement = NULL;
	state->ncolumns = 0;
	for (int i = 0; i < EV_MAX_INSERTED && into->columns[i] != NULL; i++)
	{
		Oid			type;

		state->columns[i] = SPI_fnumber(desc, into->columns[i]);
		if (state->columns[i] <= 0)
			elog(ERROR, "table \"%s\" has no column \"%s\"", into->table, into->columns[i]);
		type = TupleDescAttr(desc, state->columns[i] - 1)->atttypid;
		state->domains[i] = get_typtype(type) == TYPTYPE_DOMAIN ? type : InvalidOid;
		state->ncolumns++;
	}

	state->estate = CreateExecutorState();
	state->result = makeNode(ResultRelInfo);
	InitResultRelInfo(state->result, table, 0, NULL, 0);
	ExecOpenIndices(state->result, false);
	state->indexes = palloc(sizeof(Oid) * Max(state->result->ri_NumIndices, 1));
	for (int i = 0; i < state->result->ri_NumIndices; i++)
		state->indexes[i] = RelationGetRelid(state->result->ri_IndexRelationDescs[i]);
	if (table->rd_rel->relkind != RELKIND_RELATION || table->rd_rules != NULL ||
		table->rd_rel->relforcerowsecurity || !has_own_triggers_only(table) ||
		has_other_defaults(state, desc) || has_other_indexes(state->result))
		state->statement = make_statement(into, state, desc);
	ExecCloseIndices(state->result);
	MemoryContextSwitchTo(old);
	MemoryContextSetIdentifier(state->context, state->statement ? "by statement" : into->table);
}

static InsertState *
state_of(RowInsert *into)
{
	if (into->state == NULL)
	{
		InsertState *state = MemoryContextAllocZero(TopMemoryContext, sizeof(InsertState));

		state->into = into;
		state->context = AllocSetContextCreate(TopMemoryContext, "evently insert",
											   ALLOCSET_SMALL_SIZES);
		into->state = state;
	}
	return into->state;
}

static void
insert_directly(InsertState *state, Relation table, const Datum *values, const char *nulls,
				Datum *row)
{
	TupleDesc	desc = RelationGetDescr(table);
	ResultRelInfo *result = state->result;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);

	PreventCommandIfReadOnly("INSERT");
	PreventCommandIfParallelMode("INSERT");
	/* After an error what the executor was compiling may be in pieces. */
	state->known.learnt = false;
	ResetPerTupleExprContext(state->estate);

	memset(slot->tts_values, 0, sizeof(Datum) * desc->natts);
	memset(slot->tts_isnull, true, sizeof(bool) * desc->natts);
	for (int i = 0; i < state->ncolumns; i++)
	{
		int			n = state->columns[i] - 1;
		bool		isnull = nulls != NULL && nulls[i] == 'n';

		if (OidIsValid(state->domains[i]))
			domain_check(values[i], isnull, state->domains[i], &state->domain_checks[i],
						 state->context);
		slot->tts_values[n] = isnull ? (Datum) 0 : values[i];
		slot->tts_isnull[n] = isnull;
	}
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(table);

	result->ri_RelationDesc = table;
	for (int i = 0; i < result->ri_NumIndices; i++)
		result->ri_IndexRelationDescs[i] = index_open(state->indexes[i], RowExclusiveLock);
	if (desc->constr != NULL)
	{
		if (desc->constr->has_generated_stored)
			ExecComputeStoredGenerated(result, state->estate, slot, CMD_INSERT);
		ExecConstraints(result, slot, state->estate);
	}
	table_tuple_insert(table, slot, GetCurrentCommandId(true), 0, NULL);
	if (result->ri_NumIndices > 0)
		(void) ev_insert_new_index_tuples(result, slot, state->estate);
	ExecCloseIndices(result);
	state->known.learnt = true;
	if (row != NULL)
		*row = SPI_datumTransfer(ExecFetchSlotHeapTupleDatum(slot), false, -1);
	ExecDropSingleTupleTableSlot(slot);
	CommandCounterIncrement();
}

/*
 * Insert a row: a value for each column, of the column's type or the one under
 * its domain; nulls as in SPI. The row itself goes to *row unless that is NULL,
 * copied so that it outlives SPI_finish. What it refers to by foreign keys the
 * caller has inserted or locked.
 */
void
insert_row(RowInsert *into, const Datum *values, const char *nulls, Datum *row)
{
	InsertState *state = state_of(into);
	Relation	table = open_known_table(&state->known, into->table, NULL, RowExclusiveLock, learn,
										 state);

	if (state->statement == NULL)
		insert_directly(state, table, values, nulls, row);
	else
	{
		Datum		copy[EV_MAX_INSERTED];

		memcpy(copy, values, sizeof(Datum) * state->ncolumns);
		(void) spi_run(state->statement, copy, nulls);
		if (row != NULL)
			*row = spi_result(0, 1);
	}
	table_close(table, NoLock);
}
