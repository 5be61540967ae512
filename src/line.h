/*-------------------------------------------------------------------------
 *
 * line.h
 *	  The line of a tier: who gets stock that is released.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EVENTLY_LINE_H
#define EVENTLY_LINE_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "inventory.h"

typedef struct Line Line;

extern bool somebody_waits(int64 tier_id, TimestampTz now);
extern void lock_lines(StockChange *changes, int n);
extern void unlock_lines(StockChange *changes, int n);
extern void plan_line(StockChange *change);
extern int32 line_to_public(const Line *line);
extern void apply_line(Line *line);

#endif							/* EVENTLY_LINE_H */
