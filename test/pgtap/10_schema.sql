-- The shape that applications rely on: functions with their argument names,
-- defaults and results; tables and views with their columns and types.
\ir include/fixtures.psql
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.signature(function text) RETURNS SETOF text
LANGUAGE sql AS $$
	SELECT replace(format('(%s) -> %s', pg_get_function_arguments(oid),
			CASE prokind WHEN 'p' THEN 'procedure' ELSE pg_get_function_result(oid) END),
		'timestamp with time zone', 'timestamptz')
	FROM pg_proc WHERE pronamespace = 'evently'::regnamespace AND proname = function;
$$;
-- One row: a name stands for one function, there are no overloads.
CREATE FUNCTION pg_temp.has_signature(function text, wanted text) RETURNS text
LANGUAGE sql AS $$
	SELECT results_eq(format('SELECT pg_temp.signature(%L)', function), ARRAY[wanted], function);
$$;

SELECT pg_temp.has_signature('set_node', '(node integer) -> void');
SELECT pg_temp.has_signature('node_of', '(id bigint) -> integer');
SELECT pg_temp.has_signature('create_venue', '(name text, capacity integer, type text, timezone text, '
	'location geography DEFAULT NULL::geography, address text DEFAULT NULL::text, city text DEFAULT NULL::text, '
	'country_code text DEFAULT NULL::text, facilities jsonb DEFAULT ''{}''::jsonb, '
	'setup_hours numeric DEFAULT 0, teardown_hours numeric DEFAULT 0, '
	'hire_rate numeric DEFAULT 0, currency text DEFAULT ''EUR''::text) -> evently.venues');
SELECT pg_temp.has_signature('create_event', '(organizer_id bigint, title text, category text, '
	'start_time timestamptz, end_time timestamptz, venue_id bigint DEFAULT NULL::bigint, '
	'description text DEFAULT NULL::text, language text DEFAULT ''english''::text, '
	'doors_open timestamptz DEFAULT NULL::timestamptz, cover_image_url text DEFAULT NULL::text, '
	'age_restriction integer DEFAULT NULL::integer, currency text DEFAULT NULL::text, '
	'hold_duration interval DEFAULT NULL::interval, max_tickets_per_buyer integer DEFAULT NULL::integer, '
	'transfer_deadline timestamptz DEFAULT NULL::timestamptz) -> evently.events');
SELECT pg_temp.has_signature('create_tier', '(event_id bigint, name text, price numeric, total_quantity integer, '
	'sale_start timestamptz DEFAULT NULL::timestamptz, sale_end timestamptz DEFAULT NULL::timestamptz, '
	'max_per_order integer DEFAULT 10, shards integer DEFAULT NULL::integer, '
	'held_back integer DEFAULT 0) -> evently.ticket_tiers');
SELECT pg_temp.has_signature('set_tier_quantity', '(tier_id bigint, total integer) -> evently.ticket_tiers');
SELECT pg_temp.has_signature('set_held_back', '(tier_id bigint, n integer) -> evently.ticket_tiers');
SELECT pg_temp.has_signature('issue_comps', '(tier_id bigint, attendees jsonb) -> SETOF evently.tickets');
SELECT pg_temp.has_signature(name, '(event_id bigint) -> evently.events')
FROM unnest('{publish_event,open_sale,pause_sale,resume_sale,complete_event}'::text[]) name;
SELECT pg_temp.has_signature('cancel_event', '(event_id bigint, reason text, keep_booking boolean DEFAULT false) -> evently.events');

SELECT pg_temp.has_signature('reserve_tickets', '(event_id bigint, buyer_id bigint, selections jsonb, '
	'idempotency_key text DEFAULT NULL::text, buyer_email text DEFAULT NULL::text) -> evently.orders');
SELECT pg_temp.has_signature('reserve_tier', '(event_id bigint, buyer_id bigint, tier_id bigint, quantity integer, '
	'idempotency_key text DEFAULT NULL::text, buyer_email text DEFAULT NULL::text) -> evently.orders');
SELECT pg_temp.has_signature('try_reserve_tickets', '(event_id bigint, buyer_id bigint, selections jsonb, '
	'idempotency_key text DEFAULT NULL::text, buyer_email text DEFAULT NULL::text) -> evently.reservation_result');
SELECT pg_temp.has_signature('try_reserve_tier', '(event_id bigint, buyer_id bigint, tier_id bigint, quantity integer, '
	'idempotency_key text DEFAULT NULL::text, buyer_email text DEFAULT NULL::text) -> evently.reservation_result');
SELECT pg_temp.has_signature('reserve_tickets_batch', '(requests jsonb) -> SETOF evently.batch_result');
SELECT pg_temp.has_signature('confirm_order', '(order_id bigint, payment_id text, '
	'amount numeric DEFAULT NULL::numeric, attendees jsonb DEFAULT NULL::jsonb) -> evently.confirmation');
SELECT pg_temp.has_signature('cancel_order', '(order_id bigint, reason text) -> evently.orders');
SELECT pg_temp.has_signature('refund_order', '(order_id bigint, refund_id text, '
	'ticket_ids bigint[] DEFAULT NULL::bigint[], restock boolean DEFAULT true) -> evently.refunds');
SELECT pg_temp.has_signature('settle_refund', '(refund_id text, outcome text) -> evently.refunds');
SELECT pg_temp.has_signature('release_expired_orders', '(batch_size integer DEFAULT 1000) -> integer');
SELECT pg_temp.has_signature('run_jobs', '() -> procedure');
SELECT pg_temp.has_signature('schedule_jobs', '(as_role name DEFAULT NULL::name) -> bigint');
SELECT pg_temp.has_signature('unschedule_jobs', '() -> boolean');
SELECT pg_temp.has_signature('verify', '() -> TABLE(check_name text, object text, detail text)');

SELECT volatility_is('evently', 'node_of', '{bigint}', 'immutable', 'node_of may be used in an index');
SELECT volatility_is('evently', 'verify', '{}', 'stable', 'verify() reads one snapshot');

-- "name type" of each column, with "!" where null is refused.
CREATE FUNCTION pg_temp.has_columns(relation text, wanted text[]) RETURNS text
LANGUAGE sql AS $$
	SELECT set_has(
		format($q$SELECT attname || ' ' || replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz')
				|| CASE WHEN attnotnull THEN '!' ELSE '' END
			FROM pg_attribute WHERE attrelid = 'evently.%I'::regclass AND attnum > 0$q$, relation),
		format('SELECT unnest(%L::text[])', wanted), 'columns of ' || relation);
$$;

SELECT pg_temp.has_columns('venues', ARRAY['venue_id bigint!', 'name text!', 'address text', 'city text',
	'country_code text', 'location geography(Point,4326)', 'capacity integer!', 'type text!', 'facilities jsonb!',
	'timezone text!', 'setup_hours numeric!', 'teardown_hours numeric!', 'hire_rate evently.amount!',
	'currency evently.currency_code!', 'is_active boolean!']);
SELECT pg_temp.has_columns('events', ARRAY['event_id bigint!', 'organizer_id bigint!', 'venue_id bigint', 'title text!',
	'description text', 'language text!', 'category text!', 'status text!', 'start_time timestamptz!',
	'end_time timestamptz!', 'doors_open timestamptz!', 'cover_image_url text', 'age_restriction integer',
	'currency evently.currency_code!', 'hold_duration interval', 'max_tickets_per_buyer integer',
	'transfer_deadline timestamptz', 'cancel_reason text']);
SELECT pg_temp.has_columns('ticket_tiers', ARRAY['tier_id bigint!', 'event_id bigint!', 'name text!',
	'price evently.amount!', 'total_quantity integer!', 'held_back integer!', 'sale_start timestamptz',
	'sale_end timestamptz', 'max_per_order integer!']);
SELECT pg_temp.has_columns('inventory_shards', ARRAY['tier_id bigint!', 'shard smallint!', 'available integer!']);
SELECT pg_temp.has_columns('orders', ARRAY['order_id bigint!', 'event_id bigint!', 'buyer_id bigint!',
	'buyer_email text', 'status text!', 'total_amount evently.amount!', 'currency evently.currency_code!',
	'payment_id text', 'idempotency_key text', 'created_at timestamptz!', 'expires_at timestamptz!',
	'confirmed_at timestamptz', 'cancelled_at timestamptz', 'cancel_reason text']);
SELECT pg_temp.has_columns('order_items', ARRAY['item_id bigint!', 'order_id bigint!', 'tier_id bigint!',
	'quantity integer!', 'unit_price evently.amount!', 'subtotal numeric!']);
SELECT pg_temp.has_columns('payments', ARRAY['payment_id text!', 'order_id bigint!', 'amount evently.amount!',
	'currency evently.currency_code!', 'outcome text!']);
SELECT pg_temp.has_columns('refunds', ARRAY['refund_id text!', 'order_id bigint!', 'payment_id text',
	'amount evently.amount!', 'currency evently.currency_code!', 'status text!', 'reason text!', 'ticket_ids bigint[]',
	'created_at timestamptz!', 'settled_at timestamptz']);
SELECT pg_temp.has_columns('buyer_limits', ARRAY['event_id bigint!', 'buyer_id bigint!', 'taken integer!']);
SELECT pg_temp.has_columns('tickets', ARRAY['ticket_id bigint!', 'order_id bigint!', 'tier_id bigint!',
	'event_id bigint!', 'attendee_name evently.label', 'attendee_email evently.label', 'qr_code uuid!', 'status evently.ticket_status!',
	'issued_at evently.instant!', 'check_in_time evently.instant', 'transferred_from bigint', 'issued_xid xid8!']);
SELECT pg_temp.has_columns('notifications', ARRAY['notification_id bigint!', 'kind text!', 'recipient text',
	'user_id bigint', 'event_id bigint!', 'order_id bigint', 'payload jsonb!', 'created_at timestamptz!']);
SELECT pg_temp.has_columns('reservation_result', ARRAY['reservation evently.orders', 'sqlstate text', 'message text',
	'detail text', 'hint text']);
SELECT pg_temp.has_columns('batch_result', ARRAY['request_no integer', 'order_id bigint', 'sqlstate text', 'message text']);
SELECT pg_temp.has_columns('confirmation', ARRAY['outcome text', 'reservation evently.orders',
	'tickets evently.tickets[]', 'refund evently.refunds']);
SELECT pg_temp.has_columns('tier_inventory', ARRAY['tier_id bigint', 'event_id bigint', 'name text',
	'total_quantity integer', 'available_quantity bigint', 'held_quantity bigint', 'sold_quantity bigint',
	'offered bigint', 'gathering bigint', 'held_back integer']);
SELECT pg_temp.has_columns('refunds_due', ARRAY['refund_id text', 'order_id bigint', 'event_id bigint',
	'payment_id text', 'amount numeric', 'currency text', 'reason text', 'status text']);

-- Ids stay below 2^53, for JavaScript, and belong to sequences of their own.
SELECT is_empty($$
	SELECT c.relname FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
	WHERE c.relnamespace = 'evently'::regnamespace
		AND (s.seqmax <> 9007199254740991 OR s.seqcycle OR s.seqincrement <> 1 OR s.seqtypid <> 'bigint'::regtype)
$$, 'every sequence counts by one to 2^53 - 1 and does not start again');
SELECT is_empty($$
	SELECT conname FROM pg_constraint
	WHERE connamespace = 'evently'::regnamespace AND contype = 'f' AND conrelid = confrelid
$$, 'no foreign key from a table to itself');
SELECT is_empty($$
	SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
	WHERE c.relnamespace = 'evently'::regnamespace AND NOT t.tgisinternal AND t.tgtype & 4 <> 0
		AND t.tgname <> 'forget_roles'
$$, 'no trigger of ours fires on INSERT: it would while a dump is restored; but for one that changes no data');

SELECT * FROM finish();
ROLLBACK;
