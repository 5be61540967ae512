/*-------------------------------------------------------------------------
 *
 * settled.c
 *	  When all rows up to a number are there.
 *
 * Ids do not follow commits: a row with a lower one may still appear. So a
 * roll-up notes the last number given out, and then the next transaction id;
 * when every transaction before that one has ended, all rows up to the noted
 * number are there.
 *
 *-------------------------------------------------------------------------
 */
#include "settled.h"

#include "access/transam.h"
#include "utils/builtins.h"

#include "spi_util.h"

/*
 * The first transaction that has not begun, as text. A snapshot's xmax is not
 * that: it leaves out what has begun after the last that ended.
 */
Datum
next_transaction(void)
{
	return CStringGetTextDatum(psprintf(UINT64_FORMAT,
										U64FromFullTransactionId(ReadNextFullTransactionId())));
}

/*
 * Whether every transaction before the noted one has ended. The row that has the
 * note must be locked, by an earlier statement: another may have made a newer
 * note while we waited for it, and both the snapshot and the next transaction
 * must be later than that. A note of the future is one from before a restore:
 * nobody of then is running.
 */
bool
all_have_ended(const char *noted_xid)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT $1::pg_catalog.xid8 <= pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())"
		" OR $1::pg_catalog.xid8 > $2::pg_catalog.xid8",
		TEXTOID, TEXTOID);
	Datum		values[2] = {CStringGetTextDatum(noted_xid), next_transaction()};
	bool		isnull;

	(void) spi_run(&query, values, NULL);
	return DatumGetBool(spi_datum(0, 1, &isnull));
}
