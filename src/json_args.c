/*-------------------------------------------------------------------------
 *
 * json_args.c
 *	  Reading the jsonb arguments: selections, requests, attendees and scans.
 *
 * What is wrong becomes a Refusal, so that the try_ functions and the batch can
 * return it as a row. Unknown members are refused: they are typing errors.
 *
 *-------------------------------------------------------------------------
 */
#include "json_args.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "guc.h"

#define MAX_SELECTIONS		100
#define MAX_KEY_LENGTH		200
#define MAX_SCAN_ID_LENGTH	100

static bool
bad_json(Refusal *refusal, const char *message, const char *detail)
{
	return refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, message, detail, NULL);
}

static const char *
json_type(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "a string";
		case jbvNumeric:
			return "a number";
		case jbvBool:
			return "a boolean";
		default:
			if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
				return "an array";
			return "an object";
	}
}

/* A container's element or member as an object; NULL if it is none. */
static JsonbContainer *
as_object(const JsonbValue *value)
{
	if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
		return value->val.binary.data;
	return NULL;
}

/* All members of an object must be in the list, which ends with NULL. */
static bool
only_members(JsonbContainer *object, const char *const *names, const char *what,
			 Refusal *refusal)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		int			i = 0;

		if (token != WJB_KEY)
			continue;
		while (names[i] != NULL && ((int) strlen(names[i]) != value.val.string.len ||
									strncmp(names[i], value.val.string.val,
											value.val.string.len) != 0))
			i++;
		if (names[i] == NULL)
			return bad_json(refusal,
							psprintf("unknown member \"%.*s\" in %s", value.val.string.len,
									 value.val.string.val, what), NULL);
	}
	return true;
}

static JsonbValue *
member(JsonbContainer *object, const char *name)
{
	return getKeyJsonValueFromContainer(object, name, strlen(name), NULL);
}

/* A member that must be a whole number that fits a bigint. */
static bool
integer_member(JsonbContainer *object, const char *name, const char *what,
			   int64 *result, Refusal *refusal)
{
	JsonbValue *value = member(object, name);

	if (value == NULL)
		return bad_json(refusal, psprintf("member \"%s\" is missing in %s", name, what), NULL);
	if (value->type != jbvNumeric)
		return bad_json(refusal, psprintf("member \"%s\" of %s must be a whole number", name, what),
						psprintf("It is %s.", json_type(value)));

	if (numeric_is_inf(value->val.numeric) || numeric_is_nan(value->val.numeric) ||
		!DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(value->val.numeric),
										  DirectFunctionCall2(numeric_trunc,
															  NumericGetDatum(value->val.numeric),
															  Int32GetDatum(0)))) ||
		DatumGetBool(DirectFunctionCall2(numeric_gt, NumericGetDatum(value->val.numeric),
										 NumericGetDatum(int64_to_numeric(PG_INT64_MAX)))) ||
		DatumGetBool(DirectFunctionCall2(numeric_lt, NumericGetDatum(value->val.numeric),
										 NumericGetDatum(int64_to_numeric(PG_INT64_MIN)))))
		return bad_json(refusal, psprintf("member \"%s\" of %s must be a whole number", name, what),
						psprintf("It is %.60s.",
								 DatumGetCString(DirectFunctionCall1(numeric_out,
																	 NumericGetDatum(value->val.numeric)))));
	*result = DatumGetInt64(DirectFunctionCall1(numeric_int8,
												NumericGetDatum(value->val.numeric)));
	return true;
}

/* A member that may be missing, null or a string. */
static bool
string_member(JsonbContainer *object, const char *name, const char *what,
			  char **result, Refusal *refusal)
{
	JsonbValue *value = member(object, name);

	*result = NULL;
	if (value == NULL || value->type == jbvNull)
		return true;
	if (value->type != jbvString)
		return bad_json(refusal, psprintf("member \"%s\" of %s must be a string", name, what),
						psprintf("It is %s.", json_type(value)));
	*result = pnstrdup(value->val.string.val, value->val.string.len);
	if ((*result)[strspn(*result, " ")] == '\0')
		return bad_json(refusal, psprintf("member \"%s\" of %s must not be empty", name, what), NULL);
	return true;
}

static bool
check_array(JsonbContainer *container, const char *what, int max, Refusal *refusal)
{
	if (!JsonContainerIsArray(container) || JsonContainerIsScalar(container))
		return bad_json(refusal, psprintf("%s must be a jsonb array", what), NULL);
	if ((int64) JsonContainerSize(container) > max)
		return bad_json(refusal, psprintf("%s has too many elements", what),
						psprintf("There are %u; %d are allowed.", JsonContainerSize(container), max));
	return true;
}

/* Add tickets of a tier; a tier named before is added up. */
bool
add_selection(Request *request, int64 tier_id, int64 quantity, Refusal *refusal)
{
	int			i = 0;

	if (quantity <= 0)
		return bad_json(refusal, "quantity must be greater than zero",
						psprintf("It is " INT64_FORMAT ".", quantity));
	if (quantity > PG_INT32_MAX)
		quantity = PG_INT32_MAX;	/* above every limit, and its sums fit */
	request->quantity += quantity;

	while (i < request->nselections && request->selections[i].tier_id < tier_id)
		i++;
	if (i < request->nselections && request->selections[i].tier_id == tier_id)
	{
		request->selections[i].quantity += quantity;
		return true;
	}
	memmove(request->selections + i + 1, request->selections + i,
			sizeof(Selection) * (request->nselections - i));
	request->selections[i].tier_id = tier_id;
	request->selections[i].quantity = quantity;
	request->nselections++;
	return true;
}

static bool
parse_selection_array(JsonbContainer *container, Request *request, Refusal *refusal)
{
	static const char *const names[] = {"tier_id", "quantity", NULL};
	int			n;

	if (!check_array(container, "selections", MAX_SELECTIONS, refusal))
		return false;
	n = JsonContainerSize(container);
	if (n == 0)
		return bad_json(refusal, "selections must not be empty", NULL);

	request->selections = palloc(sizeof(Selection) * n);
	for (int i = 0; i < n; i++)
	{
		JsonbContainer *object = as_object(getIthJsonbValueFromContainer(container, i));
		int64		tier_id;
		int64		quantity;

		if (object == NULL)
			return bad_json(refusal, "each selection must be an object",
							"Its members are tier_id and quantity.");
		if (!only_members(object, names, "a selection", refusal) ||
			!integer_member(object, "tier_id", "a selection", &tier_id, refusal) ||
			!integer_member(object, "quantity", "a selection", &quantity, refusal) ||
			!add_selection(request, tier_id, quantity, refusal))
			return false;
	}
	return true;
}

bool
parse_selections(Jsonb *json, Request *request, Refusal *refusal)
{
	return parse_selection_array(&json->root, request, refusal);
}

/* The rules for key and e-mail address, wherever they came from. */
bool
check_request(const Request *request, Refusal *refusal)
{
	if (request->idempotency_key != NULL)
	{
		int			length = pg_mbstrlen(request->idempotency_key);

		if (length < 1 || length > MAX_KEY_LENGTH)
			return bad_json(refusal,
							psprintf("idempotency_key must have 1 to %d characters", MAX_KEY_LENGTH),
							psprintf("It has %d.", length));
	}
	if (request->buyer_email != NULL &&
		request->buyer_email[strspn(request->buyer_email, " ")] == '\0')
		return bad_json(refusal, "buyer_email must not be empty", NULL);
	return true;
}

/* The number of requests in a batch, or -1. */
int
count_requests(Jsonb *json, Refusal *refusal)
{
	if (!check_array(&json->root, "requests", ev_batch_max_requests, refusal))
		return -1;
	return JsonContainerSize(&json->root);
}

/* One request of a batch. */
bool
parse_request(Jsonb *json, int n, Request *request, Refusal *refusal)
{
	static const char *const names[] = {
		"event_id", "buyer_id", "selections", "idempotency_key", "buyer_email", NULL
	};
	JsonbContainer *object = as_object(getIthJsonbValueFromContainer(&json->root, n));
	JsonbValue *selections;

	memset(request, 0, sizeof(Request));
	if (object == NULL)
		return bad_json(refusal, "each request must be an object",
						"Its members are event_id, buyer_id, selections, idempotency_key and buyer_email.");
	if (!only_members(object, names, "a request", refusal) ||
		!integer_member(object, "event_id", "a request", &request->event_id, refusal) ||
		!integer_member(object, "buyer_id", "a request", &request->buyer_id, refusal) ||
		!string_member(object, "idempotency_key", "a request", &request->idempotency_key, refusal) ||
		!string_member(object, "buyer_email", "a request", &request->buyer_email, refusal))
		return false;
	selections = member(object, "selections");
	if (selections == NULL)
		return bad_json(refusal, "member \"selections\" is missing in a request", NULL);
	if (selections->type != jbvBinary)
		return bad_json(refusal, "selections must be a jsonb array", NULL);
	return parse_selection_array(selections->val.binary.data, request, refusal) &&
		check_request(request, refusal);
}

/* [{"tier_id": 1, "name": "Ada", "email": "a@b"}, ...], all members optional. */
bool
parse_attendees(Jsonb *json, Attendee **attendees, int *n, Refusal *refusal)
{
	static const char *const names[] = {"tier_id", "name", "email", NULL};

	if (!check_array(&json->root, "attendees", PG_INT32_MAX, refusal))
		return false;
	*n = JsonContainerSize(&json->root);
	*attendees = palloc0(sizeof(Attendee) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		JsonbContainer *object = as_object(getIthJsonbValueFromContainer(&json->root, i));
		Attendee   *attendee = &(*attendees)[i];

		if (object == NULL)
			return bad_json(refusal, "each attendee must be an object",
							"Its members are tier_id, name and email.");
		if (!only_members(object, names, "an attendee", refusal) ||
			!string_member(object, "name", "an attendee", &attendee->name, refusal) ||
			!string_member(object, "email", "an attendee", &attendee->email, refusal))
			return false;
		if (member(object, "tier_id") != NULL &&
			!integer_member(object, "tier_id", "an attendee", &attendee->tier_id, refusal))
			return false;
	}
	return true;
}

/* A string member that may not be missing. */
static bool
required_string_member(JsonbContainer *object, const char *name, const char *what,
					   char **result, Refusal *refusal)
{
	if (!string_member(object, name, what, result, refusal))
		return false;
	if (*result == NULL)
		return bad_json(refusal, psprintf("member \"%s\" is missing in %s", name, what), NULL);
	return true;
}

/* The scans that a device reports. */
bool
parse_scans(Jsonb *json, ReportedScan **scans, int *n, Refusal *refusal)
{
	static const char *const names[] = {
		"scan_id", "token", "ticket_id", "fingerprint", "scanned_at", "gate", "result", NULL
	};

	if (!check_array(&json->root, "scans", ev_sync_max_scans, refusal))
		return false;
	*n = JsonContainerSize(&json->root);
	*scans = palloc0(sizeof(ReportedScan) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		JsonbContainer *object = as_object(getIthJsonbValueFromContainer(&json->root, i));
		ReportedScan *scan = &(*scans)[i];
		char	   *result;

		if (object == NULL)
			return bad_json(refusal, "each scan must be an object",
							"Its members are scan_id, token (or ticket_id and fingerprint), scanned_at, gate and result.");
		if (!only_members(object, names, "a scan", refusal) ||
			!required_string_member(object, "scan_id", "a scan", &scan->scan_id, refusal) ||
			!required_string_member(object, "scanned_at", "a scan", &scan->scanned_at, refusal) ||
			!string_member(object, "token", "a scan", &scan->token, refusal) ||
			!string_member(object, "fingerprint", "a scan", &scan->fingerprint, refusal) ||
			!string_member(object, "gate", "a scan", &scan->gate, refusal) ||
			!string_member(object, "result", "a scan", &result, refusal))
			return false;
		if (scan->token == NULL &&
			(!required_string_member(object, "fingerprint", "a scan without a token", &scan->fingerprint, refusal) ||
			 !integer_member(object, "ticket_id", "a scan without a token", &scan->ticket_id, refusal)))
			return false;
		if (scan->token != NULL && (scan->fingerprint != NULL || member(object, "ticket_id") != NULL))
			return bad_json(refusal, "a scan has either a token or ticket_id and fingerprint", NULL);
		if (pg_mbstrlen(scan->scan_id) > MAX_SCAN_ID_LENGTH)
			return bad_json(refusal,
							psprintf("member \"scan_id\" of a scan must have 1 to %d characters",
									 MAX_SCAN_ID_LENGTH), NULL);
		scan->result = result ? result : "ADMIT";
		if (strcmp(scan->result, "ADMIT") != 0 &&
			strcmp(scan->result, "ALREADY_ADMITTED") != 0 &&
			strcmp(scan->result, "INVALID") != 0)
			return bad_json(refusal,
							"member \"result\" of a scan must be ADMIT, ALREADY_ADMITTED or INVALID", NULL);
	}
	return true;
}
