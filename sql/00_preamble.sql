/*
 * evently: an event-management system inside PostgreSQL.
 *
 * The install script is these modules, concatenated by the Makefile in the
 * order of their numbers. While it runs the search path is pg_catalog and the
 * schemas of the required extensions, so PostGIS may live anywhere.
 */
\echo Use "CREATE EXTENSION evently CASCADE" to load this file. \quit

CREATE SCHEMA evently;
COMMENT ON SCHEMA evently IS 'Event management: venues, events, ticket sales, tickets';
