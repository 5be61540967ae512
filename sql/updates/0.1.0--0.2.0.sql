/*
 * From evently 0.1.0 to 0.2.0. Changes come first, by part of the business, then
 * new modules, in the order of the install script.
 */
\echo Use "ALTER EXTENSION evently UPDATE" to load this file. \quit

/* --- Comments --- */

-- Functions that are there for others of ours say so.
COMMENT ON FUNCTION evently.occupied_window IS
'Internal: the time that a booking takes from its venue, in elapsed hours, from its first instant up to its last, which is out.
start_time, end_time: what is booked; setup_hours, teardown_hours: before and after it, fractions allowed. Result: the range.';
COMMENT ON FUNCTION evently.search_terms IS
'Internal: the terms that event_search_terms indexes: words, category, city, place and price bands, each behind the event''s day (and, for some events, behind the name of a sample)';
COMMENT ON FUNCTION evently.latitude IS 'Internal: latitude of a point in degrees; null when it is empty';
COMMENT ON FUNCTION evently.longitude IS 'Internal: longitude of a point in degrees; null when it is empty';
COMMENT ON FUNCTION evently.metres_between IS 'Internal: distance of two points in metres';
COMMENT ON FUNCTION evently.is_within IS 'Internal: whether two points are at most so many metres apart';
COMMENT ON FUNCTION evently.key_set IS
'Internal: the public keys of an event as a JSON Web Key Set (RFC 7517, 8037), the newest first. event_id: any event; an unknown one has no keys.';
COMMENT ON FUNCTION evently.make_point IS 'Internal: the point of geo_point, unchecked';
COMMENT ON FUNCTION evently.coordinates IS 'Internal: latitude and longitude in degrees; null for what is not a point';
COMMENT ON FUNCTION evently.nearest_venues IS 'Internal: the n venues nearest to a point, with their distances';
COMMENT ON FUNCTION evently.similar_words IS 'Internal: known words with many trigrams of another, of about its length';
COMMENT ON FUNCTION evently.event_offer IS
'Internal: what of an event can be bought, by windows and stock; holds that have lapsed count as stock, as they do when somebody buys.
Result: price_from, the lowest price that can be bought; availability (see found_event); at_price, whether a ticket costs what price says: one that can be bought, if any can.';
COMMENT ON FUNCTION evently.record_job_run IS
'Internal: enters a run of a job that ends now in job_runs. Result: 1. Errors: 22023 unknown job.';

/* --- Copies: keys that replication changes are forgotten too --- */

DROP TRIGGER forget_keys ON evently.event_keys;
DROP TRIGGER forget_keys ON evently.event_private_keys;
CREATE TRIGGER forget_keys AFTER UPDATE OR DELETE ON evently.event_keys
	FOR EACH ROW EXECUTE FUNCTION evently.forget_keys();
CREATE TRIGGER forget_keys AFTER UPDATE OR DELETE ON evently.event_private_keys
	FOR EACH ROW EXECUTE FUNCTION evently.forget_keys();
ALTER TABLE evently.event_keys ENABLE ALWAYS TRIGGER forget_keys;
ALTER TABLE evently.event_private_keys ENABLE ALWAYS TRIGGER forget_keys;
COMMENT ON TRIGGER forget_keys ON evently.event_keys IS 'No backend goes on with a key that was changed or removed';
COMMENT ON TRIGGER forget_keys ON evently.event_private_keys IS 'No backend keeps a private key that was rotated out';

/*
 * --- How statements are planned: for those of C functions the library says it
 * (src/spi_util.c). What is left is planned without JIT: a plan that may read many
 * rows looks worth compiling, and takes half a second for it when there are few ---
 */
DO $$
DECLARE
	f record;
BEGIN
	FOR f IN SELECT p.oid::regprocedure AS name, l.lanname = 'c' AS is_c
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE p.pronamespace = 'evently'::regnamespace AND 'enable_seqscan=off' = ANY (p.proconfig)
	LOOP
		EXECUTE format('ALTER FUNCTION %s %s', f.name,
			CASE WHEN f.is_c THEN 'RESET enable_seqscan RESET jit' ELSE 'SET jit = off' END);
	END LOOP;
END $$;

/* --- Discovery --- */

-- One way to look for stock: see src/spi_util.c.
CREATE OR REPLACE FUNCTION evently.event_offer(event_id bigint, at timestamptz, price numrange)
	RETURNS TABLE (price_from numeric, availability text, at_price boolean)
	LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT o.price_now,
		CASE WHEN o.price_now IS NOT NULL THEN 'AVAILABLE'
			WHEN o.opened THEN 'SOLD_OUT'
			WHEN o.later OR e.status = 'PUBLISHED' THEN 'NOT_YET'
			ELSE 'CLOSED' END,
		event_offer.price IS NULL
			OR coalesce(CASE WHEN o.price_now IS NULL THEN o.listed ELSE o.buyable END, false)
	FROM evently.events e
	CROSS JOIN LATERAL (
		SELECT min(t.price) FILTER (WHERE w.opened AND k.stock)::numeric AS price_now,
			bool_or(w.opened) AS opened,
			bool_or(t.sale_start > event_offer.at) AS later,
			bool_or(event_offer.price @> t.price::numeric) AS listed,
			bool_or(event_offer.price @> t.price::numeric AND w.opened AND k.stock) AS buyable
		FROM evently.ticket_tiers t
		CROSS JOIN LATERAL (SELECT e.status IN ('ON_SALE', 'SOLD_OUT')
			AND coalesce(t.sale_start <= event_offer.at, true)
			AND coalesce(t.sale_end, e.end_time) > event_offer.at) w (opened)
		CROSS JOIN LATERAL (SELECT w.opened AND (
			EXISTS (SELECT FROM evently.inventory_shards s WHERE s.tier_id = t.tier_id AND s.available > 0 OFFSET 0)
			OR EXISTS (SELECT FROM evently.orders x
				JOIN evently.order_items y ON y.order_id = x.order_id
				WHERE x.event_id = e.event_id AND x.status = 'PENDING'
					AND x.expires_at <= event_offer.at AND y.tier_id = t.tier_id OFFSET 0))) k (stock)
		WHERE t.event_id = e.event_id) o
	WHERE e.event_id = event_offer.event_id;
END;

-- Samples divided by week, for facets of a few days; facets of a place
-- out of an index alone. Both indexes are made anew, 5 minutes for a million events.
CREATE OR REPLACE FUNCTION evently.search_terms(
	event_id bigint, start_time timestamptz, doc tsvector, category text,
	city text, latitude double precision, longitude double precision,
	price_from numeric, price_to numeric)
	RETURNS tsvector
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_search_terms_by_week';
REINDEX INDEX evently.event_search_terms;
DROP INDEX evently.event_search_venue;
CREATE INDEX event_search_venue ON evently.event_search (venue_id, start_time)
	INCLUDE (end_time, category, local_month, price_from, city);
COMMENT ON INDEX evently.event_search_venue IS 'Events of a venue by date, with what facets count';

-- Facets of many matches by lists of places (src/facet_lists.c), which need pages
-- that are known to be all visible.
CREATE FUNCTION evently.price_band(price numeric) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_price_band';
COMMENT ON FUNCTION evently.price_band IS
'Internal: the band of a price that facets count, 0 (free) to 6 (above 250)';

CREATE FUNCTION evently.sample_class(event_id bigint) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_sample_class';
COMMENT ON FUNCTION evently.sample_class IS
'Internal: which of the samples that facets are estimated from have an event: 0: one in 16 and one in 4, 1: one in 4, 2: none';
CREATE INDEX event_search_facets ON evently.event_search
	(evently.sample_class(event_id), category COLLATE "C", evently.price_band(price_from), city COLLATE "C");
CREATE INDEX event_search_month ON evently.event_search (evently.sample_class(event_id), local_month);
COMMENT ON INDEX evently.event_search_facets IS 'For each category, price band and city the events that have it, those of the samples first: facets count these lists';
COMMENT ON INDEX evently.event_search_month IS 'For each month the events that start in it, those of the samples first: facets count these lists';
COMMENT ON FUNCTION evently.search_facets IS
'How many events a search finds, and how they divide. Arguments: as search_events.
Result: facet total (value null), category, month (YYYY-MM by the venue''s clock), price (band of the lowest listed price: above the first number, up to the second), city; the most frequent first, months in their order. Exact up to 10,000 events and wherever is_estimate is false; else estimated from a sample, and values too rare to be estimated within 10 % are added up under a null value. Errors: 22023 bad argument.';
ALTER TABLE evently.event_search
	SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);

/*
 * Reports. The views are made anew, because columns were renamed, and one that
 * named the buyer is gone: give grants on them again, and drop views of your own
 * upon them before.
 */
CREATE SEQUENCE evently.refund_nos MAXVALUE 9007199254740991;
COMMENT ON SEQUENCE evently.refund_nos IS 'Numbers of refunds';
ALTER TABLE evently.refunds ADD COLUMN refund_no bigint NOT NULL UNIQUE DEFAULT nextval('evently.refund_nos');
COMMENT ON COLUMN evently.refunds.refund_no IS 'Rises with each refund: reports tell new ones by it';
COMMENT ON CONSTRAINT refunds_refund_no_key ON evently.refunds IS 'No two refunds have a number';
DROP VIEW evently.venue_invoices, evently.venue_invoice_lines, evently.venue_utilisation, evently.venue_calendar,
	evently.refunds_due, evently.tier_inventory, evently.waitlist_status, evently.outbox_status, evently.job_status,
	evently.trending;

/* Roles: what was granted by hand says nothing about organizers. */
DO $$
DECLARE
	roles text;
BEGIN
	SELECT string_agg(DISTINCT quote_ident(r.rolname), ', ') INTO roles
	FROM (SELECT p.proacl AS acl FROM pg_proc p
		-- The jobs' role was granted by grant_jobs().
		WHERE p.pronamespace = 'evently'::regnamespace AND p.proname !~ '^(run_jobs|record_job_run|release_|settle_waitlists|refresh_sold|clean_|roll_up_|forget_past)'
		UNION ALL SELECT c.relacl FROM pg_class c WHERE c.relnamespace = 'evently'::regnamespace) o,
		aclexplode(o.acl) a JOIN pg_roles r ON r.oid = a.grantee
	WHERE NOT r.rolsuper AND a.grantee <> a.grantor;
	IF roles IS NOT NULL THEN
		RAISE WARNING USING MESSAGE = 'roles with rights in evently that were granted by hand: ' || roles,
			DETAIL = 'What organizers and doors may call, and the tables events and ticket_tiers, now ask what the session''s login is.',
			HINT = 'SELECT evently.grant_role(role, ''app'') lets an application go on as before; see the change log.';
	END IF;
END $$;

/* Roles: rules that had no comment. */
COMMENT ON CONSTRAINT amount_is_money ON DOMAIN evently.amount IS 'No NaN, no infinity, no fraction of a thousandth';
COMMENT ON CONSTRAINT currency_code_is_iso_4217 ON DOMAIN evently.currency_code IS 'Three capital letters';
COMMENT ON CONSTRAINT label_is_not_blank ON DOMAIN evently.label IS 'More than spaces';
COMMENT ON CONSTRAINT instant_is_finite ON DOMAIN evently.instant IS 'Neither infinity';
COMMENT ON CONSTRAINT ticket_tiers_event_id_name_key ON evently.ticket_tiers IS 'An event names each of its tiers once';
COMMENT ON CONSTRAINT orders_idempotency_key ON evently.orders IS 'A buyer''s attempt gives one order, however often it is repeated; its index finds the orders of an event, with or without a key';
COMMENT ON CONSTRAINT order_items_order_id_tier_id_key ON evently.order_items IS 'An order names each tier once';
COMMENT ON CONSTRAINT ticket_status_is_known ON DOMAIN evently.ticket_status IS 'The states of a ticket';
COMMENT ON CONSTRAINT tickets_qr_code_key ON evently.tickets IS 'A secret opens one ticket';
COMMENT ON CONSTRAINT scan_result_is_known ON DOMAIN evently.scan_result IS 'What a scan can come to';
COMMENT ON CONSTRAINT waitlist_entries_position ON evently.waitlist_entries IS 'Nobody shares a position';
COMMENT ON CONSTRAINT waitlist_offers_entry_id_key ON evently.waitlist_offers IS 'An entry gets one offer';

@include sql/54_daily_sales.sql
@include sql/55_roles.sql
@include sql/78_daily_sales_functions.sql
@include sql/79_id_functions.sql
@include sql/79_role_functions.sql
@include sql/80_views.sql
@include sql/81_venue_views.sql
@include sql/82_sales_views.sql
@include sql/83_door_views.sql
@include sql/84_status_views.sql
@include sql/88_verify_reports.sql

CREATE OR REPLACE FUNCTION evently.verify()
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
@include sql/90_dump_and_privileges.sql
