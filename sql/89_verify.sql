/*
 * The proof that nothing has drifted: counters against the records they count.
 * One statement, and its parts are STABLE, so one snapshot: true at any time,
 * in the middle of a sale too.
 */
CREATE FUNCTION evently.verify()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT v.check_name, v.object, v.detail FROM evently.verify_sales() v
	UNION ALL SELECT v.check_name, v.object, v.detail FROM evently.verify_bookings() v
	UNION ALL SELECT v.check_name, v.object, v.detail FROM evently.verify_door() v
	UNION ALL SELECT v.check_name, v.object, v.detail FROM evently.verify_waitlist() v
	UNION ALL SELECT v.check_name, v.object, v.detail FROM evently.verify_search() v
	UNION ALL SELECT v.check_name, v.object, v.detail FROM evently.verify_reports() v;
END;
COMMENT ON FUNCTION evently.verify IS
'Every invariant checked against the records, in one snapshot, at any time. Result: a row for each breach; none when all is well.';
