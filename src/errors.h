/*-------------------------------------------------------------------------
 *
 * errors.h
 *	  SQLSTATEs of evently's own errors, class TK (docs/errors.md).
 *
 * Unknown ids are P0002 (ERRCODE_NO_DATA_FOUND of PL/pgSQL's class), bad
 * arguments 22023 (ERRCODE_INVALID_PARAMETER_VALUE).
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_ERRORS_H
#define EVENTLY_ERRORS_H

#include "utils/elog.h"

#define ERRCODE_EVENTLY_NOT_ENOUGH_TICKETS	MAKE_SQLSTATE('T', 'K', '0', '0', '1')
#define ERRCODE_EVENTLY_ORDER_LIMIT			MAKE_SQLSTATE('T', 'K', '0', '0', '2')
#define ERRCODE_EVENTLY_SALE_NOT_OPEN		MAKE_SQLSTATE('T', 'K', '0', '0', '3')
#define ERRCODE_EVENTLY_NOT_ON_SALE			MAKE_SQLSTATE('T', 'K', '0', '0', '4')
#define ERRCODE_EVENTLY_BUYER_LIMIT			MAKE_SQLSTATE('T', 'K', '0', '0', '5')
#define ERRCODE_EVENTLY_WRONG_STATE			MAKE_SQLSTATE('T', 'K', '0', '0', '6')
#define ERRCODE_EVENTLY_HOLD_EXPIRED		MAKE_SQLSTATE('T', 'K', '0', '0', '9')
#define ERRCODE_EVENTLY_VENUE_TAKEN			MAKE_SQLSTATE('T', 'K', '0', '1', '0')
#define ERRCODE_EVENTLY_OVER_CAPACITY		MAKE_SQLSTATE('T', 'K', '0', '1', '1')
#define ERRCODE_EVENTLY_TRANSFERRED_ONCE	MAKE_SQLSTATE('T', 'K', '0', '2', '0')
#define ERRCODE_EVENTLY_NOT_TRANSFERABLE	MAKE_SQLSTATE('T', 'K', '0', '2', '1')
#define ERRCODE_EVENTLY_NOT_THE_HOLDER		MAKE_SQLSTATE('T', 'K', '0', '2', '2')
#define ERRCODE_EVENTLY_TIER_CAN_SERVE		MAKE_SQLSTATE('T', 'K', '0', '3', '0')
#define ERRCODE_EVENTLY_OFFER_LAPSED		MAKE_SQLSTATE('T', 'K', '0', '3', '1')
#define ERRCODE_EVENTLY_BAD_TOKEN_KEY		MAKE_SQLSTATE('T', 'K', '0', '4', '0')
#define ERRCODE_EVENTLY_NOT_FOUND			MAKE_SQLSTATE('P', '0', '0', '0', '2')

#endif							/* EVENTLY_ERRORS_H */
