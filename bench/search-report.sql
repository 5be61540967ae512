SELECT class || '|' || round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 2)
	|| '|' || round(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms)::numeric, 2) || '|' || count(*)
FROM bench.run GROUP BY class
ORDER BY min(array_position(ARRAY['rare word', 'word in 1 to 5 %', 'word in 25 %', 'two words in 25 %', 'word, place, price, dates',
	'place only', 'place, by distance', 'browse by date', 'browse by category', 'typing a prefix', 'misspelt word', 'facets', 'homepage', 'trending'], class));
