/*
 * Sales by event and day: what reports read in place of every order
 * (src/daily_sales.c, docs/reporting.md). Derived, by a job. Neither a
 * confirmation nor a refund writes here: a report adds what the job has not
 * entered yet, from the ends of the tickets' and the refunds' keys.
 *
 * A day is one of the venue's calendar, so that a report need not take it apart.
 */
CREATE TABLE evently.sales_daily (
	event_id         bigint NOT NULL,
	day              date NOT NULL,
	orders           bigint NOT NULL DEFAULT 0,
	tickets_sold     bigint NOT NULL DEFAULT 0,
	gross            numeric NOT NULL DEFAULT 0,
	comps            bigint NOT NULL DEFAULT 0,
	tickets_returned bigint NOT NULL DEFAULT 0,
	refunds          numeric NOT NULL DEFAULT 0,
	comps_returned   bigint NOT NULL DEFAULT 0,
	returned_of_sold bigint NOT NULL DEFAULT 0,
	refunds_of_sold  numeric NOT NULL DEFAULT 0,
	PRIMARY KEY (event_id, day)
) WITH (fillfactor = 80);
CREATE INDEX sales_daily_day ON evently.sales_daily (day);
COMMENT ON TABLE evently.sales_daily IS 'Sales by event and day, as far as sales_daily_progress says; derived';
COMMENT ON INDEX evently.sales_daily_day IS 'The sales of a day';
COMMENT ON COLUMN evently.sales_daily.event_id IS 'Event';
COMMENT ON COLUMN evently.sales_daily.day IS 'Day by the clock of the event''s venue; UTC where it has none';
COMMENT ON COLUMN evently.sales_daily.orders IS 'Orders confirmed that day, comps not counted';
COMMENT ON COLUMN evently.sales_daily.tickets_sold IS 'Tickets in them';
COMMENT ON COLUMN evently.sales_daily.gross IS 'What they cost, in the event''s currency';
COMMENT ON COLUMN evently.sales_daily.comps IS 'Free tickets issued that day out of what was held back';
COMMENT ON COLUMN evently.sales_daily.tickets_returned IS 'Sold tickets given back that day, whenever they were sold';
COMMENT ON COLUMN evently.sales_daily.refunds IS 'Money that became due back for them that day';
COMMENT ON COLUMN evently.sales_daily.comps_returned IS 'Comps taken back that day';
COMMENT ON COLUMN evently.sales_daily.returned_of_sold IS 'Of tickets_sold, those given back since, whenever';
COMMENT ON COLUMN evently.sales_daily.refunds_of_sold IS 'Of gross, what became due back since, whenever';

CREATE TABLE evently.sales_daily_progress (
	only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	ticket_id       bigint NOT NULL,
	refund_no       bigint NOT NULL,
	noted_ticket_id bigint NOT NULL,
	noted_refund_no bigint NOT NULL,
	noted_xid       xid8 NOT NULL
);
COMMENT ON TABLE evently.sales_daily_progress IS 'How far sales_daily goes; derived';
COMMENT ON COLUMN evently.sales_daily_progress.only_row IS 'There is one row';
COMMENT ON COLUMN evently.sales_daily_progress.ticket_id IS 'Tickets up to this id are entered';
COMMENT ON COLUMN evently.sales_daily_progress.refund_no IS 'Refunds up to this number are entered';
COMMENT ON COLUMN evently.sales_daily_progress.noted_ticket_id IS 'Tickets up to this id can be, once every transaction before noted_xid has ended';
COMMENT ON COLUMN evently.sales_daily_progress.noted_refund_no IS 'Refunds up to this number can be, likewise';
COMMENT ON COLUMN evently.sales_daily_progress.noted_xid IS 'First transaction that cannot have made them';
