/*
 * The door: keys that sign tickets, secrets that have died, and every scan.
 *
 * Like orders, scans have no foreign key to events: an insert would lock the
 * event's row. Nor has one to tickets, which are never deleted: verify_door()
 * looks for strays.
 */
CREATE SEQUENCE evently.scan_ids MAXVALUE 9007199254740991;
COMMENT ON SEQUENCE evently.scan_ids IS 'Ids of scans';

CREATE TABLE evently.event_keys (
	kid        text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{11}$'),
	event_id   bigint NOT NULL REFERENCES evently.events ON DELETE CASCADE,
	public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
	created_at timestamptz NOT NULL CHECK (isfinite(created_at)),
	retired_at timestamptz CHECK (isfinite(retired_at))
);
CREATE INDEX event_keys_event_id ON evently.event_keys (event_id, created_at);
CREATE UNIQUE INDEX event_keys_signing ON evently.event_keys (event_id) WHERE retired_at IS NULL;
COMMENT ON TABLE evently.event_keys IS 'Ed25519 keys that tickets are verified with; none is removed before its event, so printed tickets stay good';
COMMENT ON INDEX evently.event_keys_event_id IS 'The keys of an event';
COMMENT ON INDEX evently.event_keys_signing IS 'An event signs with one key at a time';
COMMENT ON COLUMN evently.event_keys.kid IS 'Name of the key in a token''s header: the first 8 bytes of its SHA-256, in base64url';
COMMENT ON COLUMN evently.event_keys.event_id IS 'Event whose tickets the key signs';
COMMENT ON COLUMN evently.event_keys.public_key IS 'The public key, 32 bytes';
COMMENT ON COLUMN evently.event_keys.created_at IS 'When the key was made';
COMMENT ON COLUMN evently.event_keys.retired_at IS 'Since when it signs no more; null for the key in use';

/*
 * Row security without a policy: not even a member of pg_read_all_data reads
 * it. Left out of dumps unless evently.dump_private_keys says otherwise (90_).
 */
CREATE TABLE evently.event_private_keys (
	kid         text PRIMARY KEY REFERENCES evently.event_keys ON DELETE CASCADE,
	private_key bytea NOT NULL CHECK (octet_length(private_key) = 32)
);
ALTER TABLE evently.event_private_keys ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE evently.event_private_keys IS 'The private halves of the keys in use; for nobody but the extension''s owner';
COMMENT ON COLUMN evently.event_private_keys.kid IS 'Name of the key';
COMMENT ON COLUMN evently.event_private_keys.private_key IS 'The seed of the private key (RFC 8032), 32 bytes';

CREATE TABLE evently.revocations (
	fingerprint text PRIMARY KEY CHECK (fingerprint ~ '^[A-Za-z0-9_-]{22}$'),
	ticket_id   bigint NOT NULL,
	event_id    bigint NOT NULL,
	reason      text NOT NULL CHECK (reason IN ('CANCELLED', 'TRANSFERRED', 'REISSUED')),
	revoked_at  timestamptz NOT NULL CHECK (isfinite(revoked_at)),
	changed_xid xid8 NOT NULL
);
CREATE INDEX revocations_event_id ON evently.revocations (event_id, changed_xid);
COMMENT ON TABLE evently.revocations IS 'Secrets that have died: written with every change that ends a ticket or gives it a new secret';
COMMENT ON INDEX evently.revocations_event_id IS 'What died in an event since a version of the offline list';
COMMENT ON COLUMN evently.revocations.fingerprint IS 'Fingerprint of the secret (see secret_fingerprint)';
COMMENT ON COLUMN evently.revocations.ticket_id IS 'Ticket that the secret was of';
COMMENT ON COLUMN evently.revocations.event_id IS 'Event of the ticket';
COMMENT ON COLUMN evently.revocations.reason IS 'CANCELLED (refunds and cancelled events included), TRANSFERRED or REISSUED';
COMMENT ON COLUMN evently.revocations.revoked_at IS 'When it died';
COMMENT ON COLUMN evently.revocations.changed_xid IS 'Transaction that revoked it';

/*
 * That a ticket is admitted once is the unique index scans_entry: one ADMIT for
 * each ticket, whoever writes it.
 *
 * It has no CHECKs, verify_door() looks for what they would forbid: each
 * statement parses the CHECKs of its table anew, and that took a third of the
 * time of a check-in.
 */
CREATE DOMAIN evently.scan_result AS text
	CONSTRAINT scan_result_is_known CHECK (VALUE IN ('ADMIT', 'ALREADY_ADMITTED', 'INVALID', 'UNDONE'));
COMMENT ON DOMAIN evently.scan_result IS 'What came of a scan: ADMIT, ALREADY_ADMITTED, INVALID or UNDONE';
COMMENT ON CONSTRAINT scan_result_is_known ON DOMAIN evently.scan_result IS 'What a scan can come to';

CREATE TABLE evently.scans (
	scan_id        bigint PRIMARY KEY DEFAULT nextval('evently.scan_ids'),
	event_id       bigint,
	ticket_id      bigint,
	result         evently.scan_result NOT NULL,
	reason         text,
	told           evently.scan_result NOT NULL,
	gate           text,
	device         text,
	device_scan_id text,
	device_time    timestamptz,
	scanned_at     timestamptz NOT NULL,
	received_at    timestamptz NOT NULL,
	undone_at      timestamptz,
	undo_reason    text,
	changed_xid    xid8 NOT NULL
);
CREATE UNIQUE INDEX scans_entry ON evently.scans (ticket_id) WHERE result = 'ADMIT';
CREATE INDEX scans_contested ON evently.scans (event_id, ticket_id)
	WHERE told = 'ADMIT' AND result <> 'ADMIT';
CREATE UNIQUE INDEX scans_device_scan_id ON evently.scans (event_id, device, device_scan_id)
	WHERE device_scan_id IS NOT NULL;
CREATE INDEX scans_event_id ON evently.scans (event_id, changed_xid);
COMMENT ON TABLE evently.scans IS 'Every scan, online or offline, whatever came of it';
COMMENT ON INDEX evently.scans_entry IS 'One entry for each ticket';
COMMENT ON INDEX evently.scans_contested IS 'Scans at which a gate admitted somebody and that do not hold the entry';
COMMENT ON INDEX evently.scans_device_scan_id IS 'A scan counts once, however often its device reports it';
COMMENT ON INDEX evently.scans_event_id IS 'The scans of an event, and what changed since a version of the offline list';
COMMENT ON COLUMN evently.scans.scan_id IS 'Id of the scan';
COMMENT ON COLUMN evently.scans.event_id IS 'Event scanned for; null when it was not named and the token is unknown';
COMMENT ON COLUMN evently.scans.ticket_id IS 'Ticket that the token is of; null when it is none';
COMMENT ON COLUMN evently.scans.result IS 'As judged by all that is known now: ADMIT (this scan holds the ticket''s entry), ALREADY_ADMITTED, INVALID, or UNDONE';
COMMENT ON COLUMN evently.scans.reason IS 'Why it is INVALID';
COMMENT ON COLUMN evently.scans.told IS 'What the gate was told, or offline decided: where it is ADMIT and result is not, somebody was let in who does not count';
COMMENT ON COLUMN evently.scans.gate IS 'Gate';
COMMENT ON COLUMN evently.scans.device IS 'Device that scanned';
COMMENT ON COLUMN evently.scans.device_scan_id IS 'The device''s own id of an offline scan; null when scanned online';
COMMENT ON COLUMN evently.scans.device_time IS 'Time of an offline scan by the device''s clock';
COMMENT ON COLUMN evently.scans.scanned_at IS 'Time of the scan: the device''s, but never later than its receipt';
COMMENT ON COLUMN evently.scans.received_at IS 'When the scan reached the database';
COMMENT ON COLUMN evently.scans.undone_at IS 'When the entry was undone';
COMMENT ON COLUMN evently.scans.undo_reason IS 'Why the entry was undone';
COMMENT ON COLUMN evently.scans.changed_xid IS 'Transaction that recorded or changed the scan';
