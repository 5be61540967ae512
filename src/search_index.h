/*-------------------------------------------------------------------------
 *
 * search_index.h
 *	  Keeping event_search in step with the catalogue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_SEARCH_INDEX_H
#define EVENTLY_SEARCH_INDEX_H

#include "postgres.h"

extern void search_refresh(const int64 *event_ids, int n);

#endif							/* EVENTLY_SEARCH_INDEX_H */
