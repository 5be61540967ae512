/*-------------------------------------------------------------------------
 *
 * search_cursor.h
 *	  Where a page of a search ended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_SEARCH_CURSOR_H
#define EVENTLY_SEARCH_CURSOR_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/timestamp.h"

typedef struct SearchCursor
{
	uint64		search;			/* which search: see search_fingerprint() */
	TimestampTz now;			/* when its first page was read */
	double		key;			/* of the last row, and its id */
	int64		event_id;
} SearchCursor;

extern uint64 search_fingerprint(FunctionCallInfo fcinfo, int nargs);
extern char *write_cursor(const SearchCursor *cursor);
extern void read_cursor(SearchCursor *cursor, const char *text, uint64 search);

#endif							/* EVENTLY_SEARCH_CURSOR_H */
