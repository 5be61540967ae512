/*-------------------------------------------------------------------------
 *
 * event_keys.h
 *	  The keys that sign and verify the tickets of an event.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_EVENT_KEYS_H
#define EVENTLY_EVENT_KEYS_H

#include "postgres.h"

#include "crypto.h"

#define EV_KID_LENGTH 11

/*
 * A key of this backend's cache. It may be wiped whenever a table is locked or
 * a statement is run: use it at once.
 */
typedef struct EventKey
{
	char		kid[EV_KID_LENGTH + 1]; /* hash key */
	int64		event_id;
	CryptoKey  *key;
} EventKey;

extern EventKey *signing_key(int64 event_id);
extern EventKey *verification_key(const char *kid);

#endif							/* EVENTLY_EVENT_KEYS_H */
