/*
 * The door (src/token.c, event_keys.c, qr.c, check_in.c, offline.c, transfer.c).
 */
CREATE FUNCTION evently.secret_fingerprint(secret uuid) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_secret_fingerprint';
COMMENT ON FUNCTION evently.secret_fingerprint IS
'The fingerprint of a ticket''s secret (qr_code): the first 16 bytes of the SHA-256 of its 16 bytes, in base64url; 22 characters. It tells nothing about the secret.';

/* --- Keys --- */

CREATE FUNCTION evently.key_set(event_id bigint) RETURNS jsonb
	LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT jsonb_build_object('keys', coalesce(jsonb_agg(jsonb_build_object(
		'kty', 'OKP', 'crv', 'Ed25519', 'use', 'sig', 'alg', 'EdDSA', 'kid', k.kid,
		'x', translate(encode(k.public_key, 'base64'), '+/=', '-_')) ORDER BY k.created_at DESC, k.kid), '[]'))
	FROM evently.event_keys k WHERE k.event_id = key_set.event_id;
END;
COMMENT ON FUNCTION evently.key_set IS
'Internal: the public keys of an event as a JSON Web Key Set (RFC 7517, 8037), the newest first. event_id: any event; an unknown one has no keys.';

CREATE FUNCTION evently.event_jwks(event_id bigint) RETURNS jsonb
	LANGUAGE C STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_event_jwks';
COMMENT ON FUNCTION evently.event_jwks IS
'The public keys that the event''s tokens are verified with, as a JSON Web Key Set (RFC 7517, 8037): the one in use first, then those of before.
An event gets its first key when it is published. Result: {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "…", "x": "…"}, …]}. Errors: P0002 unknown event.';

CREATE FUNCTION evently.rotate_event_key(event_id bigint) RETURNS evently.event_keys
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_rotate_event_key';
COMMENT ON FUNCTION evently.rotate_event_key IS
'Sign the event''s tokens with a new key from now on. The old private key is deleted and wiped from every backend; tokens signed with it stay good.
Result: the new key''s public half. Errors: P0002 unknown event.';

CREATE FUNCTION evently.start_event_key() RETURNS trigger
	LANGUAGE C SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_start_event_key';
COMMENT ON FUNCTION evently.start_event_key() IS
'Trigger: makes the signing key of an event that has none';
CREATE TRIGGER start_event_key AFTER UPDATE OF status ON evently.events
	FOR EACH ROW WHEN (OLD.status = 'DRAFT' AND NEW.status = 'PUBLISHED')
	EXECUTE FUNCTION evently.start_event_key();
COMMENT ON TRIGGER start_event_key ON evently.events IS 'A published event has a signing key, so a standby can serve it';

CREATE FUNCTION evently.forget_keys() RETURNS trigger
	LANGUAGE C SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_forget_keys';
COMMENT ON FUNCTION evently.forget_keys() IS
'Trigger: has every backend wipe the keys that it has loaded';
/* For each row and always, so that they fire where replication brings the change. */
CREATE TRIGGER forget_keys AFTER UPDATE OR DELETE ON evently.event_keys
	FOR EACH ROW EXECUTE FUNCTION evently.forget_keys();
CREATE TRIGGER forget_keys AFTER UPDATE OR DELETE ON evently.event_private_keys
	FOR EACH ROW EXECUTE FUNCTION evently.forget_keys();
ALTER TABLE evently.event_keys ENABLE ALWAYS TRIGGER forget_keys;
ALTER TABLE evently.event_private_keys ENABLE ALWAYS TRIGGER forget_keys;
COMMENT ON TRIGGER forget_keys ON evently.event_keys IS 'No backend goes on with a key that was changed or removed';
COMMENT ON TRIGGER forget_keys ON evently.event_private_keys IS 'No backend keeps a private key that was rotated out';

/* --- Tokens and QR codes --- */

CREATE FUNCTION evently.ticket_token(ticket_id bigint) RETURNS text
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_ticket_token';
COMMENT ON FUNCTION evently.ticket_token IS
'The ticket as a signed token: a JWS in compact form (RFC 7515, EdDSA) with ticket, event, tier, fp (the secret''s fingerprint) and exp (400 days after the event''s end, so a postponed event keeps its tickets). Good as long as the ticket''s secret lives.
Result: the token, at most 301 characters. Errors: P0002 unknown ticket, TK006 ticket not valid, TK040 the event''s private key is missing or damaged (as after a restore without it).';

CREATE FUNCTION evently.qr_svg(text text) RETURNS text
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_qr_svg';
COMMENT ON FUNCTION evently.qr_svg IS
'A QR code as an SVG document: error correction M, quiet zone of 4 modules, one unit for a module. text: 1 to 2,331 bytes. Errors: 22023 bad argument.';

CREATE FUNCTION evently.qr_png(text text, scale integer DEFAULT 4) RETURNS bytea
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_qr_png';
COMMENT ON FUNCTION evently.qr_png IS
'A QR code as a PNG file: error correction M, quiet zone of 4 modules. text: 1 to 2,331 bytes; scale: pixels for a module, 1 to 32. Errors: 22023 bad argument.';

CREATE FUNCTION evently.qr_text(text text) RETURNS text
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_qr_text';
COMMENT ON FUNCTION evently.qr_text IS
'A QR code in block characters, for a dark terminal. text: 1 to 2,331 bytes. Errors: 22023 bad argument, 0A000 the database''s encoding is not UTF8.';

CREATE FUNCTION evently.ticket_qr_svg(ticket_id bigint) RETURNS text
	LANGUAGE sql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT evently.qr_svg(evently.ticket_token(ticket_id));
END;
COMMENT ON FUNCTION evently.ticket_qr_svg IS
'The ticket''s token as a QR code, an SVG document. Errors: those of ticket_token.';

CREATE FUNCTION evently.ticket_qr_png(ticket_id bigint) RETURNS bytea
	LANGUAGE sql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT evently.qr_png(evently.ticket_token(ticket_id));
END;
COMMENT ON FUNCTION evently.ticket_qr_png IS
'The ticket''s token as a QR code, a PNG file of 4 pixels for a module. Errors: those of ticket_token.';

/* --- The life of a ticket and its secret --- */

/*
 * One trigger for both, and without a WHEN clause, which each statement would
 * parse anew: it is the door's hot path.
 */
CREATE FUNCTION evently.check_ticket() RETURNS trigger
	LANGUAGE C SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_check_ticket';
COMMENT ON FUNCTION evently.check_ticket() IS
'Trigger: check_transition for tickets; and notes in revocations that a secret has died, when its ticket was cancelled or transferred or got a new one';
CREATE TRIGGER check_ticket AFTER UPDATE OF status, qr_code ON evently.tickets
	FOR EACH ROW EXECUTE FUNCTION evently.check_ticket(
		'VALID>USED', 'USED>VALID', 'VALID>CANCELLED', 'USED>CANCELLED', 'VALID>TRANSFERRED');
COMMENT ON TRIGGER check_ticket ON evently.tickets IS 'The states of a ticket; whatever ends it or changes its secret revokes the secret';

/* --- Check-in --- */

CREATE TYPE evently.check_in_result AS (
	result           text,
	reason           text,
	scan_id          bigint,
	ticket_id        bigint,
	event_id         bigint,
	tier_id          bigint,
	tier_name        text,
	attendee_name    text,
	first_scanned_at timestamptz,
	first_gate       text,
	first_device     text
);
COMMENT ON TYPE evently.check_in_result IS 'What the door is told about a ticket';
COMMENT ON COLUMN evently.check_in_result.result IS 'ADMIT, ALREADY_ADMITTED or INVALID';
COMMENT ON COLUMN evently.check_in_result.reason IS 'Why it is INVALID: UNKNOWN, BAD_SIGNATURE, EXPIRED, NOT_YET_VALID, WRONG_EVENT, CANCELLED, REFUNDED, TRANSFERRED, REISSUED, NOT_YET_OPEN, EVENT_OVER or WRONG_GATE';
COMMENT ON COLUMN evently.check_in_result.scan_id IS 'Id of the scan; null when the ticket was only looked at';
COMMENT ON COLUMN evently.check_in_result.ticket_id IS 'Id of the ticket; null when there is none';
COMMENT ON COLUMN evently.check_in_result.event_id IS 'Event that the ticket admits to';
COMMENT ON COLUMN evently.check_in_result.tier_id IS 'Tier of the ticket';
COMMENT ON COLUMN evently.check_in_result.tier_name IS 'Name of the tier';
COMMENT ON COLUMN evently.check_in_result.attendee_name IS 'Who comes with the ticket';
COMMENT ON COLUMN evently.check_in_result.first_scanned_at IS 'When the ticket was admitted';
COMMENT ON COLUMN evently.check_in_result.first_gate IS 'At which gate it was admitted';
COMMENT ON COLUMN evently.check_in_result.first_device IS 'By which device it was admitted';

CREATE FUNCTION evently.check_in(
	token text, event_id bigint DEFAULT NULL, gate text DEFAULT NULL, device text DEFAULT NULL)
	RETURNS evently.check_in_result
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_check_in';
COMMENT ON FUNCTION evently.check_in IS
'Admit the holder of a ticket, once. Every call is recorded in scans.
token: what the QR code says, the signed token or the secret UUID; event_id: the event at this door, refuses tickets of others when given; gate: must be named in the event''s gate_tiers if it has any; device: who scanned.
Result: ADMIT for exactly one call, ALREADY_ADMITTED with time and gate of that one, or INVALID with a reason; it does not raise for a ticket. Errors: 22023 no token.';

CREATE FUNCTION evently.validate_ticket(
	token text, event_id bigint DEFAULT NULL, gate text DEFAULT NULL)
	RETURNS evently.check_in_result
	LANGUAGE C STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_validate_ticket';
COMMENT ON FUNCTION evently.validate_ticket IS
'What check_in would say now, changing and recording nothing; works on a standby.
Arguments and result: as check_in. Errors: 22023 no token.';

CREATE FUNCTION evently.undo_check_in(ticket_id bigint, reason text) RETURNS evently.tickets
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_undo_check_in';
COMMENT ON FUNCTION evently.undo_check_in IS
'Undo an entry: the ticket may enter again; its scans stay, marked UNDONE with the reason.
Result: the ticket, VALID. Errors: 22023 no reason, P0002 unknown ticket, TK006 not checked in.';

/* --- Offline --- */

CREATE FUNCTION evently.offline_manifest(event_id bigint, since_version text DEFAULT NULL) RETURNS jsonb
	LANGUAGE C STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_offline_manifest';
COMMENT ON FUNCTION evently.offline_manifest IS
'What a device needs to admit while offline (docs/offline.md).
since_version: the version of the answer that the device has; only what changed since comes, unless full is true again, which replaces everything.
Result: {"version", "full", "as_of", "event": {"event_id", "title", "status", "doors_open", "doors_close", "gate_tiers"}, "tiers": [{"tier_id", "name"}], "keys": a key set as event_jwks, "tickets": [{"ticket_id", "tier_id", "fingerprint", "used_at"}], "revocations": [{"fingerprint", "ticket_id", "reason"}]}. No secrets and no names are in it. Errors: P0002 unknown event, 22023 malformed version.';

CREATE TYPE evently.sync_result AS (
	scan_id          text,
	result           text,
	reason           text,
	conflict         boolean,
	ticket_id        bigint,
	ticket_status    text,
	scanned_at       timestamptz,
	entry_scanned_at timestamptz,
	entry_gate       text,
	entry_device     text
);
COMMENT ON TYPE evently.sync_result IS 'What is known now about a scan that a device made';
COMMENT ON COLUMN evently.sync_result.scan_id IS 'The device''s own id of the scan; null for one made online';
COMMENT ON COLUMN evently.sync_result.result IS 'ADMIT (it holds the ticket''s entry), ALREADY_ADMITTED, INVALID or UNDONE';
COMMENT ON COLUMN evently.sync_result.reason IS 'Why it is INVALID, as in check_in_result';
COMMENT ON COLUMN evently.sync_result.conflict IS 'Whether somebody was admitted by this scan who does not count, or another scan of the ticket admitted somebody too';
COMMENT ON COLUMN evently.sync_result.ticket_id IS 'Ticket that was scanned; null when it is unknown';
COMMENT ON COLUMN evently.sync_result.ticket_status IS 'Status of the ticket now: an entry whose ticket was cancelled meanwhile shows here';
COMMENT ON COLUMN evently.sync_result.scanned_at IS 'Time of the scan: the device''s, never later than its receipt';
COMMENT ON COLUMN evently.sync_result.entry_scanned_at IS 'Time of the scan that holds the entry';
COMMENT ON COLUMN evently.sync_result.entry_gate IS 'Gate of the scan that holds the entry';
COMMENT ON COLUMN evently.sync_result.entry_device IS 'Device of the scan that holds the entry';

CREATE FUNCTION evently.sync_check_ins(event_id bigint, device text, scans jsonb)
	RETURNS SETOF evently.sync_result
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_sync_check_ins';
COMMENT ON FUNCTION evently.sync_check_ins IS
'Report scans that a device made offline; may be repeated and come in any order (the rule: docs/offline.md).
scans: [{"scan_id": "…", "token": "…", "scanned_at": "2026-05-01T18:03:11.250Z", "gate": "A", "result": "ADMIT"}, …], at most evently.sync_max_scans. Instead of token: "ticket_id" and "fingerprint" as the manifest has them. gate and result may be missing: result is what the device told, ADMIT unless it is ALREADY_ADMITTED or INVALID. scan_id: unique for the device, 1 to 100 characters; of one reported twice the first report counts. An empty array asks for conflicts only.
Result: a row for each scan, in the order given, then one for each earlier scan of the device in the event that is in conflict. Errors: P0002 unknown event, 22023 bad argument.';

/* --- Changing hands --- */

CREATE FUNCTION evently.transfer_ticket(ticket_id bigint, from_email text, to_name text, to_email text)
	RETURNS evently.tickets
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_transfer_ticket';
COMMENT ON FUNCTION evently.transfer_ticket IS
'Hand a ticket over: the new holder gets a new ticket, the old one is TRANSFERRED and its secret and token are dead. Once for each ticket bought, before entry, until the event''s transfer_deadline (its start unless set). Both are told.
from_email: the present holder, the attendee''s address or else the buyer''s.
Result: the new ticket. Errors: 22023 bad argument, P0002 unknown ticket, TK020 already transferred once, TK021 not transferable now, TK022 from_email is not the holder.';

CREATE FUNCTION evently.assign_attendee(ticket_id bigint, name text, email text DEFAULT NULL)
	RETURNS evently.tickets
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_assign_attendee';
COMMENT ON FUNCTION evently.assign_attendee IS
'Say or correct who comes with a ticket. For the same holder (the same address as before, or none given) the secret stays; another address is another holder: the ticket gets a new secret, which is mailed there, and the old one is dead.
name: null leaves it. Result: the ticket. Errors: 22023 bad argument, P0002 unknown ticket, TK006 ticket not VALID.';

CREATE FUNCTION evently.reissue_ticket(ticket_id bigint, reason text) RETURNS evently.tickets
	LANGUAGE C VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'ev_reissue_ticket';
COMMENT ON FUNCTION evently.reissue_ticket IS
'Give a lost or leaked ticket a new secret, which is mailed to the holder; the old secret and its tokens are dead.
Result: the ticket. Errors: 22023 no reason, P0002 unknown ticket, TK006 ticket not VALID.';
