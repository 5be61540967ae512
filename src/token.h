/*-------------------------------------------------------------------------
 *
 * token.h
 *	  Signed tokens and the fingerprints of secrets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_TOKEN_H
#define EVENTLY_TOKEN_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/uuid.h"

#define EV_FINGERPRINT_LENGTH 22

/* What a token says. */
typedef struct Token
{
	int64		ticket_id;
	int64		event_id;
	int64		tier_id;
	char		fingerprint[EV_FINGERPRINT_LENGTH + 1];
	int64		expires;		/* seconds since 1970 */
} Token;

typedef enum TokenVerdict
{
	TOKEN_GOOD,
	TOKEN_UNKNOWN,				/* nothing of ours */
	TOKEN_BAD_SIGNATURE,		/* not signed by the event's key, or altered, or malformed */
	TOKEN_EXPIRED,
	TOKEN_NOT_YET_VALID
} TokenVerdict;

extern TokenVerdict verify_token(const char *text, int len, TimestampTz now, Token *token);
extern void fingerprint_of(const pg_uuid_t *secret, char *fingerprint);
extern bool is_fingerprint(const char *text, int len);
extern char *make_token(int64 ticket_id);

#endif							/* EVENTLY_TOKEN_H */
