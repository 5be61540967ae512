/*-------------------------------------------------------------------------
 *
 * search_cursor.c
 *	  Where a page of a search ended.
 *
 * A cursor holds the sort key and the id of the page's last row, and the time of
 * the first page: that time stands for "now" on all pages. It is written in
 * hexadecimal and carries a check, so that a damaged one, or one of another
 * search, is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "search_cursor.h"

#include <math.h>

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "port/pg_bswap.h"
#include "utils/lsyscache.h"

#include "refusal.h"

#define CURSOR_VERSION	1
#define CURSOR_WORDS	6		/* version, search, now, key, event, check */
#define CURSOR_LEN		(16 * CURSOR_WORDS)

/* The first nargs arguments of a call in one number. */
uint64
search_fingerprint(FunctionCallInfo fcinfo, int nargs)
{
	StringInfoData text;
	Oid		   *types;
	int			n;

	initStringInfo(&text);
	(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &n);
	for (int i = 0; i < nargs && i < n; i++)
	{
		Oid			output;
		bool		varlena;

		if (PG_ARGISNULL(i))
		{
			appendStringInfoString(&text, "-;");
			continue;
		}
		getTypeOutputInfo(types[i], &output, &varlena);
		appendStringInfo(&text, "+%s;", OidOutputFunctionCall(output, PG_GETARG_DATUM(i)));
	}
	return hash_bytes_extended((unsigned char *) text.data, text.len, 0);
}

static uint64
check_of(const uint64 *words)
{
	unsigned char bytes[8 * (CURSOR_WORDS - 1)];

	for (int i = 0; i < CURSOR_WORDS - 1; i++)
		for (int j = 0; j < 8; j++)
			bytes[8 * i + j] = (unsigned char) (words[i] >> (8 * j));
	return hash_bytes_extended(bytes, sizeof(bytes), 17750);
}

char *
write_cursor(const SearchCursor *cursor)
{
	uint64		words[CURSOR_WORDS] = {
		CURSOR_VERSION, cursor->search, (uint64) cursor->now, 0, (uint64) cursor->event_id
	};
	char	   *text = palloc(CURSOR_LEN + 1);

	memcpy(&words[3], &cursor->key, sizeof(double));
	words[5] = check_of(words);
	for (int i = 0; i < CURSOR_WORDS; i++)
		snprintf(text + 16 * i, 17, "%016llx", (unsigned long long) words[i]);
	return text;
}

void
read_cursor(SearchCursor *cursor, const char *text, uint64 search)
{
	uint64		words[CURSOR_WORDS];

	if (strlen(text) != CURSOR_LEN || strspn(text, "0123456789abcdef") != CURSOR_LEN)
		raise_bad_argument("broken cursor", NULL, "Pass the cursor of the last row as it was returned.");
	for (int i = 0; i < CURSOR_WORDS; i++)
	{
		char		word[17];

		memcpy(word, text + 16 * i, 16);
		word[16] = '\0';
		words[i] = strtoull(word, NULL, 16);
	}
	if (words[5] != check_of(words) || words[0] != CURSOR_VERSION)
		raise_bad_argument("broken cursor", NULL, "Pass the cursor of the last row as it was returned.");
	if (words[1] != search)
		raise_bad_argument("the cursor is of another search", NULL,
						   "Repeat the search with the arguments that the cursor came from; only page_size may change.");
	cursor->search = words[1];
	cursor->now = (TimestampTz) words[2];
	memcpy(&cursor->key, &words[3], sizeof(double));
	cursor->event_id = (int64) words[4];
}
