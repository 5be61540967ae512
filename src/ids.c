/*-------------------------------------------------------------------------
 *
 * ids.c
 *	  New ids; and lists of ids, sorted: locks are taken in the order of ids.
 *
 *-------------------------------------------------------------------------
 */
#include "ids.h"

#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "utils/lsyscache.h"

/* The next id of one of evently's sequences, as its table's default has it. */
int64
next_id(const char *sequence)
{
	return nextval_internal(get_relname_relid(sequence, get_namespace_oid("evently", false)), false);
}

/* For qsort and bsearch of ids, and of structs that begin with one. */
int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* Sort ids and keep each once; how many are left. */
int
distinct_ids(int64 *ids, int n)
{
	int			kept = 0;

	qsort(ids, n, sizeof(int64), compare_ids);
	for (int i = 0; i < n; i++)
	{
		if (kept == 0 || ids[kept - 1] != ids[i])
			ids[kept++] = ids[i];
	}
	return kept;
}
