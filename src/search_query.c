/*-------------------------------------------------------------------------
 *
 * search_query.c
 *	  What was typed, read in the languages of the events.
 *
 * A query has no language of its own: it is read in each that events are
 * written in, and an event matches when one of these readings does. A reading
 * becomes a tree of words, from which come the condition for the index and the
 * score of an event. Words that occur nowhere are taken for misspelt.
 *
 *-------------------------------------------------------------------------
 */
#include "search_query.h"

#include <ctype.h>

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_utils.h"
#include "utils/fmgrprotos.h"
#include "utils/formatting.h"
#include "utils/regproc.h"

#include "search_terms.h"
#include "spi_util.h"

#define MAX_CORRECTIONS 3
#define MAX_WORD_LEN	40		/* characters of a word that may be misspelt */

/* How much a word counts, by where it stands. */
#define SCORE_TITLE		1.0
#define SCORE_PLACE		0.6
#define SCORE_TEXT		0.25
#define SHARE_COVERAGE	0.25	/* of how much of the title was asked for */
#define SHARE_ORDER		0.1		/* of how many words stand together as typed */

typedef enum
{
	NODE_WORD,
	NODE_AND,
	NODE_OR,
	NODE_NOT
} NodeKind;

struct QueryNode
{
	NodeKind	kind;
	char	   *lexeme;			/* of a word */
	bool		prefix;			/* the word's beginning */
	List	   *children;
};

typedef struct Score
{
	double		score;
	int			in_title;
	WordEntry  *entry;			/* of a word that is there */
} Score;

static QueryNode *
make_node(NodeKind kind, List *children)
{
	QueryNode  *node = palloc0(sizeof(QueryNode));

	node->kind = kind;
	node->children = children;
	return node;
}

/* Both; one list of all words that are wanted together, so that they count the same. */
static QueryNode *
join_nodes(NodeKind kind, QueryNode *left, QueryNode *right)
{
	return make_node(kind, list_concat(left->kind == kind ? left->children : list_make1(left),
									   right->kind == kind ? right->children : list_make1(right)));
}

/* The tree of a tsquery; a phrase is all of its words. */
static QueryNode *
tree_of(TSQuery tsquery, QueryItem *item, bool *must_recheck)
{
	QueryNode  *node;
	NodeKind	kind;

	check_stack_depth();
	if (item->type == QI_VAL)
	{
		node = make_node(NODE_WORD, NIL);
		node->lexeme = pnstrdup(GETOPERAND(tsquery) + item->qoperand.distance,
								item->qoperand.length);
		node->prefix = item->qoperand.prefix;
		return node;
	}
	if (item->qoperator.oper == OP_NOT)
	{
		*must_recheck = true;
		return make_node(NODE_NOT, NIL);
	}
	if (item->qoperator.oper == OP_PHRASE)
		*must_recheck = true;
	kind = item->qoperator.oper == OP_OR ? NODE_OR : NODE_AND;
	return join_nodes(kind, tree_of(tsquery, item + item->qoperator.left, must_recheck),
					  tree_of(tsquery, item + 1, must_recheck));
}

/* The configurations that the events' languages name. */
static List *
languages(void)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT l.language::pg_catalog.regconfig::pg_catalog.oid FROM evently.search_languages l"
		" ORDER BY l.language");
	List	   *list = NIL;
	uint64		n = spi_read(&query, NULL, NULL);

	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;

		list = lappend_oid(list, DatumGetObjectId(spi_datum(i, 1, &isnull)));
	}
	return list;
}

static Oid
simple_language(void)
{
	return get_ts_config_oid(list_make2(makeString("pg_catalog"), makeString("simple")), false);
}

static void
add_reading(SearchQuery *query, Oid language, const char *text)
{
	TSQuery		tsquery = DatumGetTSQuery(
		DirectFunctionCall2(websearch_to_tsquery_byid, ObjectIdGetDatum(language),
							CStringGetTextDatum(text)));
	QueryNode  *tree;
	ListCell   *cell;

	if (tsquery->size == 0)
		return;
	foreach(cell, query->tsqueries)
	{
		TSQuery		known = lfirst(cell);

		if (VARSIZE(known) == VARSIZE(tsquery) && memcmp(known, tsquery, VARSIZE(known)) == 0)
			return;
	}
	query->tsqueries = lappend(query->tsqueries, tsquery);
	tree = tree_of(tsquery, GETQUERY(tsquery), &query->must_recheck);
	query->root = query->root ? join_nodes(NODE_OR, query->root, tree) : tree;
}

/* Read one or more texts of the same meaning. */
static SearchQuery *
read_texts(List *texts)
{
	SearchQuery *query = palloc0(sizeof(SearchQuery));
	List	   *configs = languages();
	ListCell   *text;
	ListCell   *config;

	foreach(text, texts)
		foreach(config, configs)
		add_reading(query, lfirst_oid(config), lfirst(text));
	/* Nothing but stop words: then they are meant. */
	if (query->root == NULL)
		foreach(text, texts)
			add_reading(query, simple_language(), lfirst(text));
	return query;
}

SearchQuery *
read_search_query(const char *text)
{
	return read_texts(list_make1(unconstify(char *, text)));
}

/* The text of a tsquery for all words to be in the title. */
static char *
title_tsquery(const QueryNode *root)
{
	StringInfoData buf;
	List	   *words = root->kind == NODE_WORD ? list_make1(unconstify(QueryNode *, root)) : root->children;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, words)
	{
		const QueryNode *word = lfirst(cell);

		/* letters and digits only: see read_prefix_query() */
		appendStringInfo(&buf, "%s'%s':A%s", buf.len > 0 ? " & " : "", word->lexeme,
						 word->prefix ? "*" : "");
	}
	return buf.data;
}

/* Words of what somebody is typing: the last is a beginning, all as in titles. */
SearchQuery *
read_prefix_query(const char *text)
{
	SearchQuery *query = palloc0(sizeof(SearchQuery));
	char	   *lower = str_tolower(text, strlen(text), DEFAULT_COLLATION_OID);
	bool		complete = true;
	QueryNode  *last = NULL;

	for (char *c = lower; *c;)
	{
		size_t		len = 0;

		while (c[len] && (isalnum((unsigned char) c[len]) || IS_HIGHBIT_SET(c[len])))
			len++;
		if (len > 0)
		{
			QueryNode  *node = make_node(NODE_WORD, NIL);

			node->lexeme = pnstrdup(c, len);
			query->root = query->root ? join_nodes(NODE_AND, query->root, node) : node;
			last = node;
		}
		complete = c[len] != '\0';
		c += len + (complete ? 1 : 0);
		if (len == 0 && !complete)
			break;
	}
	if (last == NULL)
		return query;
	last->prefix = true;
	/* the same for the events that are not found through the index */
	query->tsqueries = list_make1(DatumGetTSQuery(
		DirectFunctionCall1(tsqueryin, CStringGetDatum(title_tsquery(query->root)))));
	return query;
}

/* Damerau's distance in its simple form: swaps of neighbours count one. */
static int
edit_distance(const pg_wchar *a, int na, const pg_wchar *b, int nb)
{
	int			rows[3][MAX_WORD_LEN + 1];

	for (int j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (int i = 1; i <= na; i++)
	{
		int		   *row = rows[i % 3];
		int		   *above = rows[(i + 2) % 3];
		int		   *before = rows[(i + 1) % 3];

		row[0] = i;
		for (int j = 1; j <= nb; j++)
		{
			int			d = above[j - 1] + (a[i - 1] != b[j - 1]);

			d = Min(d, Min(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d = Min(d, before[j - 2] + 1);
			row[j] = d;
		}
	}
	return rows[na % 3][nb];
}

static int
compare_words(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/*
 * Known words that are nearest to a misspelt one, at most two letters away (one
 * for a word of four), and of those the first few: out of the result of the
 * statement that just ran. A word may be in it twice.
 */
static List *
nearest_words(const char *word, uint64 n)
{
	List	   *nearest = NIL;
	ListCell   *cell;

	pg_wchar	wanted[MAX_WORD_LEN * 4 + 1];
	int			nwanted = pg_mb2wchar_with_len(word, wanted, strlen(word));
	int			best = nwanted <= 4 ? 1 : 2;
	List	   *words = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		char	   *known = spi_text(i, 1);
		pg_wchar	letters[MAX_WORD_LEN * 4 + 1];
		int			nletters;
		int			distance;

		if (strlen(known) > MAX_WORD_LEN * 4)
			continue;
		nletters = pg_mb2wchar_with_len(known, letters, strlen(known));
		if (nletters > MAX_WORD_LEN)
			continue;
		distance = edit_distance(wanted, nwanted, letters, nletters);
		if (distance > best)
			continue;
		if (distance < best)
			words = NIL;
		best = distance;
		words = lappend(words, known);
	}
	list_sort(words, compare_words);
	foreach(cell, words)
	{
		if (list_length(nearest) < MAX_CORRECTIONS &&
			(nearest == NIL || strcmp(llast(nearest), lfirst(cell)) != 0))
			nearest = lappend(nearest, lfirst(cell));
	}
	return nearest;
}

static List *
corrections_of(const char *word)
{
	static SpiQuery alike = SPI_QUERY("SELECT w.word FROM evently.similar_words($1) w (word)",
									  TEXTOID);
	static SpiQuery same_start = SPI_QUERY(
		"SELECT k.word FROM evently.search_words k WHERE k.word >= $1 AND k.word < $2"
		"  AND pg_catalog.length(k.word) BETWEEN $3 AND $4",
		TEXTOID, TEXTOID, INT4OID, INT4OID);
	Datum		values[4] = {CStringGetTextDatum(word)};
	int			letters = pg_mbstrlen(word);
	char	   *first = pnstrdup(word, pg_mblen(word));
	List	   *words;

	words = nearest_words(word, spi_read(&alike, values, NULL));
	/* Two wrong letters may leave a short word no three in a row. */
	if (words == NIL)
	{
		/* 0xFF is in no encoding: behind all that begins so, by the C collation */
		values[0] = CStringGetTextDatum(first);
		values[1] = CStringGetTextDatum(psprintf("%s\xff", first));
		values[2] = Int32GetDatum(letters - 2);
		values[3] = Int32GetDatum(letters + 2);
		words = nearest_words(word, spi_read(&same_start, values, NULL));
	}
	return words;
}

static bool
is_known(const char *word)
{
	static SpiQuery query = SPI_QUERY(
		"SELECT EXISTS (SELECT FROM evently.search_words k WHERE k.word = $1)"
		" OR EXISTS (SELECT FROM evently.search_languages l"
		"  CROSS JOIN LATERAL pg_catalog.to_tsvector(l.language::pg_catalog.regconfig, $1) v"
		"  WHERE pg_catalog.length(v) = 0 OR EXISTS (SELECT FROM evently.search_words k"
		"   WHERE k.word = ANY (pg_catalog.tsvector_to_array(v))))",
		TEXTOID);
	Datum		values[1] = {CStringGetTextDatum(word)};
	bool		isnull;

	(void) spi_read(&query, values, NULL);
	return DatumGetBool(spi_datum(0, 1, &isnull));
}

/*
 * The query with misspelt words put right; NULL when there are none. The last
 * word in doubt may stand for several known ones, the others for the nearest.
 */
SearchQuery *
read_corrected_query(const char *text)
{
	char	   *lower = str_tolower(text, strlen(text), DEFAULT_COLLATION_OID);
	List	   *texts = list_make1(makeStringInfo());
	bool		changed = false;
	List	   *result = NIL;
	ListCell   *cell;

	for (char *c = lower; *c;)
	{
		size_t		len = 0;
		List	   *words = NIL;
		char	   *word;

		while (c[len] && (isalnum((unsigned char) c[len]) || IS_HIGHBIT_SET(c[len])))
			len++;
		word = pnstrdup(c, len > 0 ? len : 1);
		if (len > 0)
		{
			int			letters = pg_mbstrlen_with_len(c, len);

			if (letters >= 4 && letters <= MAX_WORD_LEN && !is_known(word))
				words = corrections_of(word);
		}
		if (words == NIL)
			words = list_make1(word);
		else
			changed = true;
		/* several words for this one: the texts so far, once with each */
		if (list_length(words) > 1)
		{
			List	   *longer = NIL;
			StringInfo	first = linitial(texts);

			foreach(cell, words)
			{
				StringInfo	copy = makeStringInfo();

				appendStringInfo(copy, "%s%s", first->data, (char *) lfirst(cell));
				longer = lappend(longer, copy);
			}
			texts = longer;
		}
		else
			foreach(cell, texts)
				appendStringInfoString(lfirst(cell), linitial(words));
		c += len > 0 ? len : 1;
	}
	if (!changed)
		return NULL;
	foreach(cell, texts)
		result = lappend(result, ((StringInfo) lfirst(cell))->data);
	return read_texts(result);
}

/* A term as an operand in the text of a tsquery, behind an empty segment. */
void
append_term(StringInfo buf, char kind, const char *value, bool prefix)
{
	appendStringInfo(buf, "'%0*d%c", SEGMENT_LEN, 0, kind);
	for (const char *c = value; *c; c++)
	{
		if (*c == '\'' || *c == '\\')
			appendStringInfoChar(buf, *c);
		appendStringInfoChar(buf, *c);
	}
	appendStringInfoString(buf, prefix ? "':*" : "'");
}

/* Whether anything can be said by terms alone; if so it is appended. */
static bool
append_condition(StringInfo buf, const QueryNode *node, char kind)
{
	ListCell   *cell;
	int			start = buf->len;
	bool		any = false;

	switch (node->kind)
	{
		case NODE_WORD:
			append_term(buf, kind, node->lexeme, node->prefix);
			return true;
		case NODE_NOT:
			return false;
		case NODE_AND:
		case NODE_OR:
			appendStringInfoChar(buf, '(');
			foreach(cell, node->children)
			{
				int			before = buf->len;

				if (any)
					appendStringInfoString(buf, node->kind == NODE_AND ? " & " : " | ");
				if (append_condition(buf, lfirst(cell), kind))
					any = true;
				else if (node->kind == NODE_OR)
				{
					any = false;
					break;
				}
				else
				{
					buf->len = before;
					buf->data[before] = '\0';
				}
			}
			if (!any)
			{
				buf->len = start;
				buf->data[start] = '\0';
				return false;
			}
			appendStringInfoChar(buf, ')');
			return true;
	}
	return false;
}

/* The query as a condition on terms of a kind; NULL when it says nothing. */
char *
query_condition(const SearchQuery *query, char kind)
{
	StringInfoData buf;

	if (query->root == NULL)
		return NULL;
	initStringInfo(&buf);
	return append_condition(&buf, query->root, kind) ? buf.data : NULL;
}

/* All readings in one, for headlines. */
TSQuery
query_union(const SearchQuery *query)
{
	Datum		all = (Datum) 0;
	ListCell   *cell;

	foreach(cell, query->tsqueries)
		all = all ? DirectFunctionCall2(tsquery_or, all, TSQueryGetDatum(lfirst(cell)))
			: TSQueryGetDatum(lfirst(cell));
	return all ? DatumGetTSQuery(all) : NULL;
}

static Score
score_word(const QueryNode *node, TSVector doc)
{
	WordEntry  *entries = ARRPTR(doc);
	char	   *text = STRPTR(doc);
	int			len = strlen(node->lexeme);
	int			low = 0;
	int			high = doc->size;
	Score		score = {SCORE_TEXT, 0, NULL};

	while (low < high)
	{
		int			middle = (low + high) / 2;
		WordEntry  *entry = &entries[middle];
		int			order = tsCompareString(node->lexeme, len, text + entry->pos, entry->len,
											node->prefix);

		if (order > 0)
			low = middle + 1;
		else if (order < 0)
			high = middle;
		else
		{
			int			weight = 0;

			if (entry->haspos)
			{
				WordEntryPos *pos = POSDATAPTR(doc, entry);

				for (int i = 0; i < POSDATALEN(doc, entry); i++)
					weight = Max(weight, (int) WEP_GETWEIGHT(pos[i]));
			}
			/* A is 3, B is 2 */
			if (weight >= 2)
				score.score = weight == 3 ? SCORE_TITLE : SCORE_PLACE;
			score.in_title = weight == 3;
			score.entry = entry;
			break;
		}
	}
	return score;
}

/* Whether one word stands right before another. */
static bool
are_neighbours(TSVector doc, WordEntry *first, WordEntry *second)
{
	if (first == NULL || second == NULL || !first->haspos || !second->haspos)
		return false;
	for (int i = 0; i < POSDATALEN(doc, first); i++)
		for (int j = 0; j < POSDATALEN(doc, second); j++)
			if (WEP_GETPOS(POSDATAPTR(doc, second)[j]) == WEP_GETPOS(POSDATAPTR(doc, first)[i]) + 1)
				return true;
	return false;
}

static Score
score_node(const QueryNode *node, TSVector doc)
{
	Score		total = {0, 0, NULL};
	int			n = 0;
	int			pairs = 0;
	WordEntry  *before = NULL;
	ListCell   *cell;

	if (node->kind == NODE_WORD)
		return score_word(node, doc);
	foreach(cell, node->children)
	{
		const QueryNode *child = lfirst(cell);
		Score		score;

		if (child->kind == NODE_NOT)
			continue;
		score = score_node(child, doc);
		if (node->kind == NODE_OR)
		{
			if (n == 0 || score.score > total.score)
				total = score;
			n = 1;
		}
		else
		{
			total.score = (total.score * n + score.score) / (n + 1);
			total.in_title += score.in_title;
			pairs += are_neighbours(doc, before, score.entry);
			before = score.entry;
			n++;
		}
	}
	if (node->kind == NODE_AND && n > 1)
		total.score *= 1 - SHARE_ORDER * (n - 1 - pairs) / (n - 1);
	return total;
}

/*
 * How well the text matches, 0 to 1: where the words stand, whether side by side,
 * and how much of the title they are.
 */
double
text_score(const SearchQuery *query, TSVector doc, int title_words)
{
	Score		score = score_node(query->root, doc);
	double		coverage = title_words > 0 ? (double) score.in_title / title_words : 0;

	return (1 - SHARE_COVERAGE) * score.score + SHARE_COVERAGE * Min(coverage, 1);
}
