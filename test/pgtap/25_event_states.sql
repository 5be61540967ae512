-- The states of an event as its functions change them: each function from each state.
\ir include/fixtures.psql
SELECT * FROM no_plan();

CREATE FUNCTION pg_temp.event_in(state text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	event bigint := pg_temp.draft();
BEGIN
	PERFORM pg_temp.tier(event, CASE state WHEN 'SOLD_OUT' THEN 0 ELSE 5 END);
	CASE state
		WHEN 'DRAFT' THEN NULL;
		WHEN 'PUBLISHED' THEN PERFORM evently.publish_event(event);
		WHEN 'CANCELLED' THEN PERFORM evently.cancel_event(event, 'rain');
		ELSE PERFORM pg_temp.open(event);
	END CASE;
	IF state = 'COMPLETED' THEN
		PERFORM evently.complete_event(event);
	END IF;
	RETURN event;
END
$$;
-- The call leads from the first state to the second, or (null) is refused and changes nothing.
CREATE FUNCTION pg_temp.leads(function text, from_state text, to_state text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	event bigint := pg_temp.event_in(from_state);
	call text := format('SELECT status FROM evently.%I(%s%s)', function, event,
		CASE function WHEN 'cancel_event' THEN ', ''rain''' END);
BEGIN
	IF pg_temp.event_status(event) <> from_state THEN
		RETURN NEXT fail(format('an event in state %s could be made', from_state));
	ELSIF to_state IS NULL THEN
		RETURN NEXT pg_temp.refused(call, 'TK006', '%', format('%s refuses %s', function, from_state));
	ELSE
		RETURN NEXT results_eq(call, ARRAY[to_state], format('%s answers with the event, now %s', function, to_state));
		RETURN NEXT is(pg_temp.event_status(event), to_state, format('%s: %s > %s', function, from_state, to_state));
	END IF;
END
$$;

SELECT pg_temp.leads(functions.function, state, to_state)
FROM unnest('{publish_event,open_sale,pause_sale,resume_sale,complete_event,cancel_event}'::text[]) functions (function)
CROSS JOIN unnest('{DRAFT,PUBLISHED,ON_SALE,SOLD_OUT,CANCELLED,COMPLETED}'::text[]) states (state)
LEFT JOIN (VALUES
	('publish_event',  'DRAFT',     'PUBLISHED'),
	('open_sale',      'PUBLISHED', 'ON_SALE'),
	('pause_sale',     'ON_SALE',   'PUBLISHED'),
	('pause_sale',     'SOLD_OUT',  'PUBLISHED'),
	('resume_sale',    'PUBLISHED', 'ON_SALE'),
	('complete_event', 'PUBLISHED', 'COMPLETED'),
	('complete_event', 'ON_SALE',   'COMPLETED'),
	('complete_event', 'SOLD_OUT',  'COMPLETED'),
	('cancel_event',   'DRAFT',     'CANCELLED'),
	('cancel_event',   'PUBLISHED', 'CANCELLED'),
	('cancel_event',   'ON_SALE',   'CANCELLED'),
	('cancel_event',   'SOLD_OUT',  'CANCELLED')) allowed (function, from_state, to_state)
	ON allowed.function = functions.function AND from_state = state
ORDER BY functions.function, state;

SELECT pg_temp.refused(format('SELECT evently.%I(9999999%s)', function,
	CASE function WHEN 'cancel_event' THEN ', ''rain''' END), 'P0002', 'event 9999999 does not exist', function || ': an unknown event')
FROM unnest('{publish_event,open_sale,pause_sale,resume_sale,complete_event,cancel_event}'::text[]) function;
SELECT pg_temp.refused(format('SELECT evently.%I(NULL%s)', function,
	CASE function WHEN 'cancel_event' THEN ', ''rain''' END), '22023', '%', function || ': no event')
FROM unnest('{publish_event,open_sale,pause_sale,resume_sale,complete_event,cancel_event}'::text[]) function;

SELECT pg_temp.draft() AS event \gset
SELECT evently.publish_event(:event) \g /dev/null
SELECT pg_temp.refused(format('SELECT evently.%I(%s)', function, :event), 'TK006', '%', function || ': an event without tiers')
FROM unnest('{open_sale,resume_sale}'::text[]) function;
SELECT pg_temp.refused(format('SELECT evently.cancel_event(%s, %s)', :event, reason), '22023', '%', 'cancel_event: not with the reason ' || reason)
FROM (VALUES ('NULL'), (''''''), ('''  ''')) reasons (reason);

SELECT pg_temp.verified();
SELECT * FROM finish();
ROLLBACK;
