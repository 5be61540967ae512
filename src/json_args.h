/*-------------------------------------------------------------------------
 *
 * json_args.h
 *	  Reading the jsonb arguments: selections, requests, attendees and scans.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_JSON_ARGS_H
#define EVENTLY_JSON_ARGS_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "refusal.h"
#include "terms.h"

/* A buyer's wish, from the arguments of reserve_tickets() or from a batch. */
typedef struct Request
{
	int64		event_id;
	int64		buyer_id;
	Selection  *selections;		/* sorted by tier, each tier once */
	int			nselections;
	int64		quantity;		/* of all selections */
	char	   *idempotency_key;	/* or NULL */
	char	   *buyer_email;	/* or NULL */
} Request;

typedef struct Attendee
{
	int64		tier_id;		/* 0 when not given */
	char	   *name;			/* or NULL */
	char	   *email;			/* or NULL */
} Attendee;

/* A scan that a device made offline. */
typedef struct ReportedScan
{
	char	   *scan_id;
	char	   *token;			/* or NULL, and then: */
	int64		ticket_id;
	char	   *fingerprint;
	char	   *scanned_at;
	char	   *gate;			/* or NULL */
	const char *result;			/* what the device told */
} ReportedScan;

extern bool parse_selections(Jsonb *json, Request *request, Refusal *refusal);
extern bool add_selection(Request *request, int64 tier_id, int64 quantity, Refusal *refusal);
extern bool check_request(const Request *request, Refusal *refusal);
extern int	count_requests(Jsonb *json, Refusal *refusal);
extern bool parse_request(Jsonb *json, int n, Request *request, Refusal *refusal);
extern bool parse_attendees(Jsonb *json, Attendee **attendees, int *n, Refusal *refusal);
extern bool parse_scans(Jsonb *json, ReportedScan **scans, int *n, Refusal *refusal);

#endif							/* EVENTLY_JSON_ARGS_H */
