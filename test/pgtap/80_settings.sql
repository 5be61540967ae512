-- The settings: units, ranges, defaults, who may change them.
\ir include/fixtures.psql
SELECT * FROM no_plan();

-- They are there as soon as the library is loaded, by any call.
SELECT evently.release_expired_orders() \g /dev/null
SELECT results_eq($$
	SELECT name, boot_val, unit, min_val, max_val, vartype, context, category
	FROM pg_settings WHERE name LIKE 'evently.%' AND name IN ('evently.order_ttl', 'evently.job_batch_size', 'evently.batch_max_requests')
	ORDER BY name COLLATE "C"$$,
	$$VALUES
		('evently.batch_max_requests', '1000', NULL, '1', '10000', 'integer', 'superuser', 'Customized Options'),
		('evently.job_batch_size', '1000', NULL, '1', '100000', 'integer', 'superuser', 'Customized Options'),
		('evently.order_ttl', '900', 's', '10', '5184000', 'integer', 'superuser', 'Customized Options')$$,
	'defaults, units, ranges, and only a superuser may set them');
SELECT is_empty($$SELECT name FROM pg_settings WHERE name LIKE 'evently.%' AND coalesce(short_desc, '') = ''$$, 'every setting has a description');
SELECT is_empty($$SELECT name FROM pg_settings WHERE name LIKE 'evently.%' AND context <> 'superuser'$$, 'every setting is the superuser''s');
SELECT is(current_setting('evently.order_ttl'), '15min', 'a hold lasts 15 minutes');
SELECT throws_ok(format('SET evently.%s', assignment), '22023', NULL, 'not ' || assignment)
FROM unnest(ARRAY['order_ttl = ''9 s''', 'order_ttl = ''61 d''', 'order_ttl = 0', 'order_ttl = -1', 'order_ttl = ''soon''',
	'job_batch_size = 0', 'job_batch_size = 100001', 'batch_max_requests = 0', 'batch_max_requests = 10001']) assignment;
SELECT lives_ok(format('SET LOCAL evently.%s', assignment), assignment)
FROM unnest(ARRAY['order_ttl = 10', 'order_ttl = ''60 d''', 'order_ttl = ''1 h''', 'job_batch_size = 100000', 'batch_max_requests = 10000']) assignment;
SELECT throws_ok('SET evently.order_tll = 10', '42602', NULL, 'a name that is none of them is refused');

SELECT * FROM finish();
ROLLBACK;
