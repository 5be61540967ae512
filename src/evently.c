/*-------------------------------------------------------------------------
 *
 * evently.c
 *	  The library's entry point.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "guc.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	ev_define_settings();
}
