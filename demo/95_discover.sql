-- Discovery: a search near London, and the homepage
\echo '  search_events(''arsenal or chelsea'', near London, 20 km, what can be bought)'
SELECT title, to_char(local_start, 'Dy DD Mon YYYY HH24:MI') AS "kick-off", venue_name AS ground,
	price_from AS "from", availability, round(distance_m / 1000) || ' km' AS away
FROM evently.search_events('arsenal or chelsea', near => evently.geo_point(51.5074, -0.1278),
	radius_m => 20000, page_size => 5);
\echo '  a misspelt word: search_events(''tottnham'')'
SELECT title, venue_name AS ground, round(score::numeric, 2) AS score
FROM evently.search_events('tottnham', page_size => 3);
\echo '  homepage(near London)'
SELECT place, reason, title, sold_day AS "sold today", price_from AS "from", round(distance_m / 1000) || ' km' AS away
FROM evently.homepage(near => evently.geo_point(51.5074, -0.1278));
