/*
 * From evently 0.1.0 to 0.2.0. Changes come first, by part of the business, then
 * new modules, in the order of the install script.
 */
\echo Use "ALTER EXTENSION evently UPDATE" to load this file. \quit

@include sql/79_id_functions.sql
@include sql/90_dump_and_privileges.sql
