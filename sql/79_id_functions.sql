/*
 * Sequences after a copy that did not bring them along (src/node.c). Without
 * JIT, which the price of a forbidden scan, of a sequence, would call for.
 */
CREATE FUNCTION evently.sync_ids(node integer DEFAULT NULL, gap bigint DEFAULT 0)
	RETURNS TABLE (sequence_name text, next_id bigint)
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_sync_ids';
COMMENT ON FUNCTION evently.sync_ids IS
'Put every sequence past the ids in its table, and never back: before a database goes on in the place of one that it is a copy of (docs/operations.md). It waits for transactions that are taking ids.
node: the node whose place it takes, from whose block ids come from now on; its own unless given. gap: ids to leave out, 0 to 1,000,000,000, so that none comes again that a lost server may have told somebody.
Result: the sequences that were changed, with the id that each gives out next. Errors: 22023 bad argument, TK006 all ids here are of another node (HINT: which) or its block is used up.';
