/*
 * verify()'s part for venue bookings.
 */
CREATE FUNCTION evently.verify_bookings()
	RETURNS TABLE (check_name text, object text, detail text)
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
SELECT 'overlap', format('venue %s', a.venue_id),
	format('bookings %s and %s overlap', least(a.booking_id, a.next_id), greatest(a.booking_id, a.next_id))
FROM (
	/* Ordered by their starts, overlapping bookings include two neighbours. */
	SELECT b.venue_id, b.booking_id, b.occupied,
		lead(b.booking_id) OVER w AS next_id, lead(b.occupied) OVER w AS next_occupied
	FROM evently.venue_bookings b WHERE b.status <> 'CANCELLED'
	WINDOW w AS (PARTITION BY b.venue_id ORDER BY lower(b.occupied), b.booking_id)) a
WHERE a.occupied && a.next_occupied
UNION ALL
SELECT 'occupied', format('booking %s', b.booking_id), format('takes %s', b.occupied)
FROM evently.venue_bookings b
WHERE isempty(b.occupied) OR NOT lower_inc(b.occupied) OR upper_inc(b.occupied)
	OR abs(extract(epoch FROM b.start_time) - extract(epoch FROM lower(b.occupied)) - 3600 * b.setup_hours_before) > 0.000001
	OR abs(extract(epoch FROM upper(b.occupied)) - extract(epoch FROM b.end_time) - 3600 * b.teardown_hours_after) > 0.000001
UNION ALL
SELECT 'deposit', format('booking %s', b.booking_id),
	format('deposit_paid is %s, its payments add up to %s', b.deposit_paid, coalesce(p.paid, 0))
FROM evently.venue_bookings b
LEFT JOIN (SELECT booking_id, sum(amount) AS paid
	FROM evently.booking_payments GROUP BY booking_id) p ON p.booking_id = b.booking_id
WHERE b.deposit_paid <> coalesce(p.paid, 0)
UNION ALL
SELECT 'deposit', format('booking %s', b.booking_id),
	format('%s, but %s of %s were paid', b.status, b.deposit_paid, b.deposit_required)
FROM evently.venue_bookings b
WHERE (b.status = 'CONFIRMED' AND b.deposit_paid < b.deposit_required)
	OR (b.status = 'REQUESTED' AND b.deposit_paid >= b.deposit_required)
UNION ALL
SELECT 'deposit return', format('payment %s', p.payment_id),
	format('%s, but booking %s is %s', p.status, b.booking_id, b.status)
FROM evently.booking_payments p
JOIN evently.venue_bookings b ON b.booking_id = p.booking_id
WHERE (b.status = 'CANCELLED') = (p.status = 'RECEIVED')
UNION ALL
SELECT 'event times', format('event %s', e.event_id),
	CASE WHEN e.venue_id IS DISTINCT FROM b.venue_id
		THEN format('is at venue %s, booking %s at venue %s', coalesce(e.venue_id::text, 'none'), b.booking_id, b.venue_id)
		ELSE format('is from %s to %s, booking %s from %s to %s',
			e.start_time, e.end_time, b.booking_id, b.start_time, b.end_time) END
FROM evently.venue_bookings b
JOIN evently.events e ON e.event_id = b.event_id
WHERE b.status <> 'CANCELLED' AND e.status <> 'CANCELLED'
	AND (e.venue_id IS DISTINCT FROM b.venue_id OR e.start_time < b.start_time OR e.end_time > b.end_time);
END;
COMMENT ON FUNCTION evently.verify_bookings IS 'The part of verify() for venue bookings and their deposits';
