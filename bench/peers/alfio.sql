-- The pattern of alf.io: a row for each ticket, made when the event is; the first
-- free ones in the order of their ids are locked, skipping those that others have,
-- and marked; then the reservation is written.
-- Source: github.com/alfio-event/alf.io,
-- src/main/java/alfio/repository/TicketRepository.java
-- (selectTicketInCategoryForUpdateSkipLocked, reserveTickets).
-- Own SQL; with alf.io's indexes: the primary key, the unique uuid, the tickets
-- of a reservation. The section "index" is one that alf.io does not have: the best
-- that can be made of the pattern.
CREATE SCHEMA alfio;
CREATE TABLE alfio.reservations (
	reservation_id text PRIMARY KEY,
	status text NOT NULL,
	validity timestamptz NOT NULL
);
CREATE TABLE alfio.tickets (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	uuid uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
	event_id integer NOT NULL,
	category_id integer NOT NULL,
	status text NOT NULL DEFAULT 'FREE',
	reservation_id text REFERENCES alfio.reservations,
	price_cents integer
);
CREATE INDEX ON alfio.tickets (reservation_id) WHERE reservation_id IS NOT NULL;
CREATE FUNCTION alfio.reserve(buyer bigint, category integer, amount integer) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	ids integer[];
	reservation text := gen_random_uuid();
BEGIN
	ids := ARRAY(SELECT id FROM alfio.tickets t
		WHERE t.status = 'FREE' AND t.category_id = category AND t.event_id = 1 AND t.reservation_id IS NULL
		ORDER BY id LIMIT amount FOR UPDATE SKIP LOCKED);
	IF cardinality(ids) < amount THEN
		RETURN NULL;
	END IF;
	INSERT INTO alfio.reservations VALUES (reservation, 'PENDING', now() + interval '25 minutes');
	UPDATE alfio.tickets SET reservation_id = reservation, status = 'PENDING', price_cents = 1000
	WHERE id = ANY (ids);
	RETURN reservation;
END $$;
INSERT INTO alfio.tickets (event_id, category_id) SELECT 1, 1 FROM generate_series(1, :stock);
-- index
CREATE INDEX ON alfio.tickets (event_id, category_id, id) WHERE status = 'FREE' AND reservation_id IS NULL;
-- sold
INSERT INTO alfio.reservations SELECT 'sold-' || n, 'COMPLETE', now() FROM generate_series(1, :sold) n;
UPDATE alfio.tickets SET status = 'ACQUIRED', reservation_id = 'sold-' || id WHERE id <= :sold;
-- client
SELECT alfio.reserve(:buyer, 1, :quantity);
-- verify
SELECT 'a reservation without tickets' FROM alfio.reservations r
WHERE NOT EXISTS (SELECT FROM alfio.tickets t WHERE t.reservation_id = r.reservation_id) LIMIT 1
