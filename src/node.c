/*-------------------------------------------------------------------------
 *
 * node.c
 *	  Blocks of ids for databases that must not collide.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "refusal.h"
#include "spi_util.h"

#define MAX_NODE		1023
#define NODE_SHIFT		42

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
	Datum		values[1] = {Int64GetDatum((node << NODE_SHIFT) + 1)};

	ev_connect();
	if (spi_run(&used, NULL, NULL) > 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE, "ids have already been taken",
					psprintf("Sequence evently.%s has been used.", spi_string(0, 1)),
					"Set the node of a new database before anything else.");
	(void) spi_run(&set, values, NULL);
	ev_finish((Datum) 0);
	PG_RETURN_VOID();
}
