/*-------------------------------------------------------------------------
 *
 * token.c
 *	  Signed tokens: a JWS in compact form (RFC 7515) with EdDSA (RFC 8037).
 *
 *	  header   {"alg":"EdDSA","kid":"..."}
 *	  payload  {"ticket":1,"event":1,"tier":1,"fp":"...","exp":1893456000}
 *
 * fp is the fingerprint of the ticket's secret, so a token dies with the secret
 * that it was made for, though its signature stays good. It outlives a
 * postponed event: exp is 400 days after the end, and the door's opening hours
 * are the event's business, not the token's.
 *
 * Reading is stricter than the standards: what the issuer of all tokens never
 * writes is refused, so that no two texts are the same token. The algorithm is
 * not chosen by the header; the header must only name the one there is.
 *
 *-------------------------------------------------------------------------
 */
#include "token.h"

#include "base64url.h"
#include "crypto.h"
#include "event_keys.h"
#include "refusal.h"
#include "row_fetch.h"
#include "spi_util.h"

#define DAYS_VALID			400
#define MAX_TOKEN_LENGTH	512
#define MAX_STRING_LENGTH	32
#define MAX_INTEGER			INT64CONST(9007199254740991)	/* 2^53 - 1 */

PG_FUNCTION_INFO_V1(ev_ticket_token);
PG_FUNCTION_INFO_V1(ev_secret_fingerprint);

/* A member that an object may have. */
typedef struct Member
{
	const char *name;
	bool		is_string;
	bool		required;
	bool		present;
	char		string[MAX_STRING_LENGTH + 1];
	int64		integer;
} Member;

static bool
skip(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* A string of printable ASCII without escapes. */
static bool
read_string(const char **p, const char *end, char *string)
{
	int			len = 0;

	if (!skip(p, end, '"'))
		return false;
	while (*p < end && **p != '"')
	{
		if (len == MAX_STRING_LENGTH || **p < 0x20 || **p > 0x7e || **p == '\\')
			return false;
		string[len++] = *(*p)++;
	}
	string[len] = '\0';
	return skip(p, end, '"');
}

/* A whole number from 0 to 2^53 - 1, without leading zeros. */
static bool
read_integer(const char **p, const char *end, int64 *integer)
{
	const char *start = *p;

	*integer = 0;
	while (*p < end && **p >= '0' && **p <= '9')
	{
		*integer = *integer * 10 + (*(*p)++ - '0');
		if (*integer > MAX_INTEGER)
			return false;
	}
	return *p > start && (*start != '0' || *p == start + 1);
}

/*
 * A JSON object without white space that has each of the required members once
 * and no member that is not listed.
 */
static bool
read_object(const char *json, int len, Member *members, int nmembers)
{
	const char *p = json;
	const char *end = json + len;
	char		name[MAX_STRING_LENGTH + 1];

	if (!skip(&p, end, '{'))
		return false;
	do
	{
		Member	   *member = NULL;

		if (!read_string(&p, end, name) || !skip(&p, end, ':'))
			return false;
		for (int i = 0; i < nmembers; i++)
		{
			if (strcmp(members[i].name, name) == 0)
				member = &members[i];
		}
		if (member == NULL || member->present ||
			!(member->is_string ? read_string(&p, end, member->string)
			  : read_integer(&p, end, &member->integer)))
			return false;
		member->present = true;
	} while (skip(&p, end, ','));

	if (!skip(&p, end, '}') || p != end)
		return false;
	for (int i = 0; i < nmembers; i++)
	{
		if (members[i].required && !members[i].present)
			return false;
	}
	return true;
}

/* Decode one part of a token and read the object in it. */
static bool
read_part(const char *text, int len, Member *members, int nmembers)
{
	uint8		json[MAX_TOKEN_LENGTH];
	int			json_len = base64url_decode(text, len, json);

	return json_len > 0 && read_object((char *) json, json_len, members, nmembers);
}

/* Whole seconds since 1970; 0 for what was before. */
static int64
unix_seconds(TimestampTz time)
{
	int64		seconds = time / USECS_PER_SEC +
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY;

	return Max(seconds, 0);
}

/*
 * Is this one of our tokens? To be called within SPI.
 *
 * A good verdict says that the token was issued; whether its ticket and secret
 * are still alive is in the table.
 */
TokenVerdict
verify_token(const char *text, int len, TimestampTz now, Token *token)
{
	Member		header[] = {
		{.name = "alg", .is_string = true, .required = true},
		{.name = "kid", .is_string = true, .required = true},
		{.name = "typ", .is_string = true},
	};
	Member		payload[] = {
		{.name = "ticket", .required = true},
		{.name = "event", .required = true},
		{.name = "tier", .required = true},
		{.name = "fp", .is_string = true, .required = true},
		{.name = "exp", .required = true},
		{.name = "nbf"},
		{.name = "iat"},
	};
	const char *dots[2] = {NULL, NULL};
	int			ndots = 0;
	uint8		signature[EV_SIGNATURE_BYTES];
	EventKey   *key;
	int64		seconds = unix_seconds(now);

	for (int i = 0; i < len; i++)
	{
		if (text[i] == '.' && ndots++ < 2)
			dots[ndots - 1] = text + i;
	}
	if (ndots != 2)
		return TOKEN_UNKNOWN;
	if (len > MAX_TOKEN_LENGTH ||
		text + len - dots[1] - 1 != BASE64URL_LENGTH(EV_SIGNATURE_BYTES) ||
		base64url_decode(dots[1] + 1, BASE64URL_LENGTH(EV_SIGNATURE_BYTES), signature) != EV_SIGNATURE_BYTES)
		return TOKEN_BAD_SIGNATURE;

	if (!read_part(text, dots[0] - text, header, lengthof(header)) ||
		strcmp(header[0].string, "EdDSA") != 0 ||
		(header[2].present && strcmp(header[2].string, "JWT") != 0) ||
		strlen(header[1].string) != EV_KID_LENGTH)
		return TOKEN_BAD_SIGNATURE;
	if (!read_part(dots[0] + 1, dots[1] - dots[0] - 1, payload, lengthof(payload)) ||
		!is_fingerprint(payload[3].string, strlen(payload[3].string)))
		return TOKEN_BAD_SIGNATURE;

	key = verification_key(header[1].string);
	if (key == NULL || key->event_id != payload[1].integer ||
		!crypto_verify(key->key, text, dots[1] - text, signature))
		return TOKEN_BAD_SIGNATURE;

	token->ticket_id = payload[0].integer;
	token->event_id = payload[1].integer;
	token->tier_id = payload[2].integer;
	strlcpy(token->fingerprint, payload[3].string, sizeof(token->fingerprint));
	token->expires = payload[4].integer;
	if (seconds >= token->expires)
		return TOKEN_EXPIRED;
	if (payload[5].present && seconds < payload[5].integer)
		return TOKEN_NOT_YET_VALID;
	return TOKEN_GOOD;
}

/*
 * The fingerprint of a secret: the first 16 bytes of its SHA-256, in base64url.
 * It names the secret to those who know it and tells it to nobody.
 */
void
fingerprint_of(const pg_uuid_t *secret, char *fingerprint)
{
	uint8		digest[EV_SHA256_BYTES];

	if (!crypto_sha256(secret->data, UUID_LEN, digest))
		elog(ERROR, "libcrypto could not compute a SHA-256");
	base64url_encode(digest, 16, fingerprint);
}

bool
is_fingerprint(const char *text, int len)
{
	uint8		bytes[EV_FINGERPRINT_LENGTH];

	return len == EV_FINGERPRINT_LENGTH && base64url_decode(text, len, bytes) == 16;
}

/* Sign what the token says with a key of the event. */
static char *
sign_token(const Token *token, EventKey *key)
{
	char		json[256];
	uint8		signature[EV_SIGNATURE_BYTES];
	char	   *text = palloc(MAX_TOKEN_LENGTH);
	int			len;

	len = snprintf(json, sizeof(json), "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", key->kid);
	len = base64url_encode((uint8 *) json, len, text);
	text[len++] = '.';
	len += base64url_encode((uint8 *) json,
							snprintf(json, sizeof(json),
									 "{\"ticket\":" INT64_FORMAT ",\"event\":" INT64_FORMAT
									 ",\"tier\":" INT64_FORMAT ",\"fp\":\"%s\",\"exp\":" INT64_FORMAT "}",
									 token->ticket_id, token->event_id, token->tier_id,
									 token->fingerprint, token->expires),
							text + len);
	if (!crypto_sign(key->key, text, len, signature))
		elog(ERROR, "libcrypto could not sign");
	text[len++] = '.';
	base64url_encode(signature, EV_SIGNATURE_BYTES, text + len);
	return text;
}

/* A ticket's token. To be called within SPI. */
char *
make_token(int64 ticket_id)
{
	static const RowFetch fetch_ticket = {
		"tickets", "tickets_pkey", F_INT8EQ, {"event_id", "tier_id", "qr_code", "status"}
	};
	static const RowFetch fetch_event = {"events", "events_pkey", F_INT8EQ, {"end_time"}};
	FetchedRow	ticket;
	FetchedRow	event;
	Token		token = {.ticket_id = ticket_id};
	char	   *status;

	if (!fetch_row(&fetch_ticket, Int64GetDatum(ticket_id), &ticket))
		raise_not_found("ticket", ticket_id);
	status = fetched_text(&ticket, 3);
	if (strcmp(status, "VALID") != 0 && strcmp(status, "USED") != 0)
		raise_error(ERRCODE_EVENTLY_WRONG_STATE,
					psprintf("ticket " INT64_FORMAT " is not valid", ticket_id),
					psprintf("Its status is %s.", status),
					"Only a VALID or USED ticket has a token.");
	token.event_id = fetched_int64(&ticket, 0);
	token.tier_id = fetched_int64(&ticket, 1);
	fingerprint_of(DatumGetUUIDP(ticket.values[2]), token.fingerprint);
	if (!fetch_row(&fetch_event, Int64GetDatum(token.event_id), &event))
		elog(ERROR, "event " INT64_FORMAT " does not exist", token.event_id);
	token.expires = unix_seconds(fetched_timestamp(&event, 0)) + DAYS_VALID * SECS_PER_DAY;
	return sign_token(&token, signing_key(token.event_id));
}

/* ticket_token(ticket_id) */
Datum
ev_ticket_token(PG_FUNCTION_ARGS)
{
	int64		ticket_id = arg_id(fcinfo, 0, "ticket_id");
	MemoryContext caller = CurrentMemoryContext;
	char	   *token;
	text	   *result;

	ev_connect();
	token = make_token(ticket_id);
	MemoryContextSwitchTo(caller);
	result = cstring_to_text(token);
	return ev_finish(PointerGetDatum(result));
}

/* secret_fingerprint(secret) */
Datum
ev_secret_fingerprint(PG_FUNCTION_ARGS)
{
	char		fingerprint[EV_FINGERPRINT_LENGTH + 1];

	fingerprint_of(PG_GETARG_UUID_P(0), fingerprint);
	PG_RETURN_TEXT_P(cstring_to_text(fingerprint));
}
