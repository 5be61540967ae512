# A database with everything in it (test/full_database.sql), what it holds, and
# whether it works: for the tests of dumps, updates and copies.
#
#   fill($node, 'database');
#   my %before = contents($node, 'database');        # table or sequence => digest
#   is_working($node, 'another', 'the restored database');
#   my @objects = objects($node, 'database');        # everything the extension made
package FullDatabase;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(create_database create_roles fill columns contents is_working objects differences);

# A database with the extension, of the current version unless given.
sub create_database
{
	my ($node, $database, $version) = @_;

	create_roles($node);
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'SET client_min_messages = warning; CREATE EXTENSION evently '
		. ($version ? "VERSION '$version' " : '') . 'CASCADE');
	return;
}

# Roles are the server's: whoever takes a dump needs them first.
sub create_roles
{
	my ($node) = @_;

	$node->safe_psql('postgres', q{
		SELECT format('CREATE ROLE %I LOGIN', role) FROM unnest('{full_app,full_organizer,full_scanner,full_reporter}'::name[]) role
		WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
		\gexec
		});
	return;
}

sub fill
{
	my ($node, $database) = @_;

	$node->psql($database, slurp_file('test/full_database.sql'), on_error_die => 1);
	is($node->safe_psql($database, q{
			SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
			WHERE relnamespace = 'evently'::regnamespace AND relkind = 'r'
				AND xpath('//row', query_to_xml(format('SELECT FROM evently.%I LIMIT 1', relname), false, false, ''))::text = '{}'}),
		'', "$database: every table has rows");
	is($node->safe_psql($database, 'SELECT * FROM evently.verify()'), '', "$database: verify() finds nothing");
	return;
}

# The columns of each table that are not generated.
sub columns
{
	my ($node, $database) = @_;

	return map { split /\|/, $_, 2 } split /\n/, $node->safe_psql($database, q{
		SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C")
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'evently'::regnamespace AND c.relkind = 'r'
		GROUP BY 1});
}

# Number and digest of the rows of each table (of those columns, if given), and
# the state of each sequence.
sub contents
{
	my ($node, $database, %columns) = @_;

	%columns = columns($node, $database) unless %columns;
	my $sql = join ' UNION ALL ',
	  map { "SELECT '$_', count(*) || ' ' || md5(coalesce(string_agg(r, E'\\n' ORDER BY r COLLATE \"C\"), ''))"
		  . " FROM (SELECT (ROW($columns{$_}))::text FROM evently.$_) t (r)" } sort keys %columns;
	my $sequences = $node->safe_psql($database, q{
		SELECT string_agg(format('SELECT %L, last_value || '' '' || is_called FROM evently.%I', relname, relname), ' UNION ALL ')
		FROM pg_class WHERE relnamespace = 'evently'::regnamespace AND relkind = 'S'});
	return map { split /\|/, $_, 2 } split /\n/,
	  $node->safe_psql($database, "SET timezone = 'UTC'; $sql UNION ALL $sequences");
}

# One test: sales, the door, bookings, search, lines and jobs go on in a full
# database, time and again. Not the keys: see what a dump carries.
sub is_working
{
	my ($node, $database, $name) = @_;

	my ($rc, $out, $err) = $node->psql($database, q{
		\set ON_ERROR_STOP on
		SET client_min_messages = warning;
		SELECT event_id AS e, title FROM evently.search_events('"full concert"', available_only => true) \gset
		\echo found :title
		SELECT tier_id AS t FROM evently.ticket_tiers WHERE event_id = :e AND name = 'GENERAL' \gset
		SELECT available_quantity AS before FROM evently.tier_inventory WHERE tier_id = :t \gset
		SELECT 1 + greatest(max(buyer_id), 1000) AS b FROM evently.orders \gset
		SELECT order_id AS o, status FROM evently.reserve_tier(:e, :b, :t, 2, 'key') \gset
		\echo reserved :status
		SELECT order_id = :o AS same FROM evently.reserve_tier(:e, :b, :t, 2, 'key') \gset
		\echo repeated :same
		SELECT outcome FROM evently.confirm_order(:o, 'pay ' || gen_random_uuid()) \gset
		\echo paid :outcome
		SELECT qr_code AS q, ticket_id AS k FROM evently.tickets WHERE order_id = :o LIMIT 1 \gset
		SELECT result FROM evently.check_in(:'q', :e, 'North') \gset
		\echo door :result
		SELECT result FROM evently.check_in(:'q', :e, 'North') \gset
		\echo again :result
		SELECT status FROM evently.refund_order(:o, 'refund ' || gen_random_uuid()) \gset
		\echo refunded :status
		-- The ticket that has entered is not taken back.
		SELECT available_quantity - :before AS change FROM evently.tier_inventory WHERE tier_id = :t \gset
		\echo stock :change
		SELECT b.status FROM (SELECT venue_id, max(upper(occupied)) AS free FROM evently.venue_bookings GROUP BY 1 ORDER BY 1 LIMIT 1) v,
			evently.book_venue(v.venue_id, NULL, v.free + interval '1 day', v.free + interval '2 days') b \gset
		\echo booked :status
		SELECT event_id AS small FROM evently.events WHERE title = 'A Small Match' \gset
		SELECT tier_id AS line FROM evently.ticket_tiers WHERE event_id = :small AND name = 'GENERAL' \gset
		SELECT status FROM evently.join_waitlist(:line, :b) \gset
		\echo joined :status
		SELECT status FROM evently.leave_waitlist(:line, :b) \gset
		\echo left :status
		SELECT event_id AS n, evently.node_of(event_id) AS node FROM evently.create_event(1, 'New', 'SPORTS', now() + interval '1 day', now() + interval '2 days') \gset
		\echo node :node
		SELECT tier_id AS nt FROM evently.create_tier(:n, 'GENERAL', 0, 1) \gset
		SELECT FROM evently.publish_event(:n);
		SELECT status FROM evently.open_sale(:n) \gset
		\echo opened :status
		SELECT order_id AS no FROM evently.reserve_tier(:n, 1, :nt, 1) \gset
		SELECT outcome FROM evently.confirm_order(:no, NULL) \gset
		\echo free :outcome
		SELECT v.result FROM evently.tickets t, evently.validate_ticket(evently.ticket_token(t.ticket_id)) v WHERE t.order_id = :no \gset
		\echo signed :result
		SELECT (evently.offline_manifest(:e)->'full')::text AS is_full \gset
		\echo manifest :is_full
		SELECT count(*) > 0 AS claimed FROM evently.claim_notifications(1) \gset
		\echo claimed :claimed
		CALL evently.run_jobs();
		SELECT count(*) AS errors FROM evently.job_status WHERE error IS NOT NULL \gset
		\echo job errors :errors
		SELECT count(*) AS breaches FROM evently.verify() \gset
		\echo breaches :breaches
	}, extra_params => [ '-q', '-o', '/dev/null' ]);
	is("$out\n$err", join("\n", 'found The Full Concert', 'reserved PENDING', 'repeated t', 'paid CONFIRMED', 'door ADMIT',
			'again ALREADY_ADMITTED', 'refunded DUE', 'stock -1', 'booked CONFIRMED', 'joined WAITING', 'left LEFT',
			'node 3', 'opened ON_SALE', 'free CONFIRMED', 'signed INVALID', 'manifest true', 'claimed t',
			'job errors 0', 'breaches 0', ''), "$name: everything goes on");
	return;
}

# Everything that the extension made, a line for each fact: "object | fact | value".
# Owners are left out, and the catalogue's own order. As it would be after a
# further statement, if that is given.
sub objects
{
	my ($node, $database, $change) = @_;

	return split /\n/, $node->safe_psql($database, 'BEGIN; ' . ($change // '') . q{;
		SET LOCAL search_path = pg_catalog;
		CREATE FUNCTION pg_temp.acl(acl aclitem[], owner oid) RETURNS text LANGUAGE sql RETURN (
			SELECT string_agg(format('%s%s=%s', privilege_type, CASE WHEN is_grantable THEN '*' END, grantee), ' '
				ORDER BY privilege_type, grantee COLLATE "C")
			FROM (SELECT privilege_type, is_grantable,
					CASE grantee WHEN 0 THEN 'PUBLIC' WHEN owner THEN 'owner' ELSE grantee::regrole::text END AS grantee
				FROM aclexplode(acl)) a);
		CREATE TEMP VIEW members AS
			SELECT d.classid, d.objid, e.oid AS extension, pg_describe_object(d.classid, d.objid, 0) AS name
			FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
			WHERE e.extname = 'evently';
		CREATE TEMP VIEW relations AS
			SELECT m.name, c.* FROM members m JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass
			UNION ALL
			-- The columns of a composite type are those of a relation that is no member.
			SELECT m.name, c.* FROM members m JOIN pg_type t ON t.oid = m.objid AND m.classid = 'pg_type'::regclass
			JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c';

		SELECT replace(format('%s | %s | %s', object, fact, value), E'\n', '\n') FROM (
			SELECT name AS object, 'member' AS fact, NULL AS value FROM members
			UNION ALL
			SELECT pg_describe_object(classoid, objoid, objsubid), 'comment', description
			FROM pg_description d WHERE EXISTS (SELECT FROM members m WHERE (m.classid, m.objid) = (d.classoid, d.objoid))
				OR classoid = 'pg_class'::regclass AND objoid IN (SELECT oid FROM relations UNION
					SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT oid FROM relations))
				OR classoid = 'pg_constraint'::regclass AND objoid IN (SELECT oid FROM pg_constraint
					WHERE conrelid IN (SELECT oid FROM relations) OR contypid IN (SELECT objid FROM members WHERE classid = 'pg_type'::regclass))
				OR classoid = 'pg_trigger'::regclass AND objoid IN (SELECT oid FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM relations))
				OR classoid = 'pg_policy'::regclass AND objoid IN (SELECT oid FROM pg_policy WHERE polrelid IN (SELECT oid FROM relations))
			UNION ALL
			SELECT extname, 'extension', format('version %s relocatable %s schema %s', extversion, extrelocatable, extnamespace::regnamespace)
			FROM pg_extension WHERE extname = 'evently'
			UNION ALL
			SELECT 'evently', 'dumps', format('%s %s', config.oid::regclass, config.condition)
			FROM pg_extension, unnest(extconfig, extcondition) AS config (oid, condition) WHERE extname = 'evently'
			UNION ALL
			SELECT name, 'relation', format('kind %s persistence %s options %s security %s forced %s replica identity %s privileges %s type of row %s method %s toast options %s',
				relkind, relpersistence, (SELECT array_agg(o ORDER BY o) FROM unnest(reloptions) o), relrowsecurity, relforcerowsecurity, relreplident,
				pg_temp.acl(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)), relowner),
				reloftype::regtype, (SELECT amname FROM pg_am WHERE oid = relam),
				(SELECT t.reloptions FROM pg_class t WHERE t.oid = r.reltoastrelid))
			FROM relations r
			UNION ALL
			SELECT r.name, 'column ' || row_number() OVER (PARTITION BY r.oid ORDER BY attnum), format(
				'%s %s not null %s default %s generated %s identity %s collation %s storage %s compression %s statistics %s options %s privileges %s',
				attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), attgenerated, attidentity,
				attcollation::regcollation, attstorage, attcompression, attstattarget,
				-- Debian's 15 notes a number of its own there.
				(SELECT array_agg(o) FROM unnest(attoptions) o WHERE o !~ '^pg_attver='), pg_temp.acl(attacl, relowner))
			FROM relations r JOIN pg_attribute a ON attrelid = r.oid AND attnum > 0 AND NOT attisdropped
			LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
			UNION ALL
			SELECT r.name, 'view', pg_get_viewdef(oid) FROM relations r WHERE relkind IN ('v', 'm')
			UNION ALL
			SELECT r.name, 'rule ' || rulename, pg_get_ruledef(w.oid) FROM relations r JOIN pg_rewrite w ON ev_class = r.oid WHERE rulename <> '_RETURN'
			UNION ALL
			SELECT r.name, 'sequence', format('%s start %s increment %s max %s min %s cache %s cycle %s',
				seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle)
			FROM relations r JOIN pg_sequence ON seqrelid = r.oid
			UNION ALL
			SELECT coalesce(r.name, m.name), 'constraint ' || conname, format('%s validated %s', pg_get_constraintdef(k.oid), convalidated)
			FROM pg_constraint k LEFT JOIN relations r ON r.oid = conrelid
			LEFT JOIN members m ON m.classid = 'pg_type'::regclass AND m.objid = contypid
			WHERE coalesce(r.name, m.name) IS NOT NULL
				-- A catalogue entry of its own since PostgreSQL 18, and told by the column.
				AND contype <> 'n'
			UNION ALL
			SELECT r.name, 'index ' || c.relname, format('%s options %s clustered %s replica identity %s valid %s',
				pg_get_indexdef(c.oid), c.reloptions, indisclustered, indisreplident, indisvalid)
			FROM relations r JOIN pg_index ON indrelid = r.oid JOIN pg_class c ON c.oid = indexrelid
			UNION ALL
			SELECT r.name, 'trigger ' || tgname, format('%s enabled %s', pg_get_triggerdef(t.oid), tgenabled)
			FROM relations r JOIN pg_trigger t ON tgrelid = r.oid WHERE NOT tgisinternal
			UNION ALL
			SELECT r.name, 'policy ' || polname, format('%s %s %s %s %s', polcmd, polpermissive,
				(SELECT array_agg(CASE o WHEN 0 THEN 'public' ELSE o::regrole::text END) FROM unnest(polroles) o),
				pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
			FROM relations r JOIN pg_policy ON polrelid = r.oid
			UNION ALL
			SELECT m.name, 'function', format('%s privileges %s', CASE prokind WHEN 'a' THEN '' ELSE pg_get_functiondef(p.oid) END,
				pg_temp.acl(coalesce(proacl, acldefault('f', proowner)), proowner))
			FROM members m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
			UNION ALL
			SELECT m.name, 'type', format('%s %s base %s not null %s default %s privileges %s enum %s', typtype, typcategory,
				format_type(typbasetype, typtypmod), typnotnull, typdefault, pg_temp.acl(coalesce(typacl, acldefault('T', typowner)), typowner),
				(SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
			FROM members m JOIN pg_type t ON t.oid = m.objid AND m.classid = 'pg_type'::regclass
			UNION ALL
			SELECT m.name, 'schema', pg_temp.acl(coalesce(nspacl, acldefault('n', nspowner)), nspowner)
			FROM members m JOIN pg_namespace n ON n.oid = m.objid AND m.classid = 'pg_namespace'::regclass
			UNION ALL
			-- What pg_dump takes for the extension's own privileges, and not for the DBA's.
			SELECT pg_describe_object(i.classoid, i.objoid, i.objsubid), 'initial privileges',
				pg_temp.acl(initprivs, (SELECT extowner FROM pg_extension WHERE extname = 'evently'))
			FROM pg_init_privs i JOIN members m ON (m.classid, m.objid) = (i.classoid, i.objoid)
			UNION ALL
			SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), 'depends',
				format('%s %s', d.deptype, pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid))
			FROM pg_depend d JOIN members m ON (m.classid, m.objid) = (d.classid, d.objid)
			) facts ORDER BY object COLLATE "C", fact COLLATE "C", value COLLATE "C"});
}

# The lines that only one of two lists has.
sub differences
{
	my ($one, $other) = @_;
	my %one = map { $_ => 1 } @$one;
	my %other = map { $_ => 1 } @$other;

	return (map({ "- $_" } grep { !$other{$_} } @$one), map({ "+ $_" } grep { !$one{$_} } @$other));
}

1;
