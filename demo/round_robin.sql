/*
 * The fixture list when none is given: everyone meets everyone twice, once at
 * each ground, by the circle method. One team stays in the hub, the others sit
 * on a circle and move on one seat a round; who sit opposite meet. In the
 * second half of the season home and away are exchanged.
 *
 * The dates are those of the season 2024/25; 20_season.sql moves every list
 * into the future.
 */
INSERT INTO demo.fixtures (round, local_date, local_time, home, away)
WITH team AS (
	SELECT team, row_number() OVER (ORDER BY team) - 1 AS seat FROM demo.grounds
), meeting AS (
	SELECT round, pair,
		(round + pair) % 19 AS one,
		CASE pair WHEN 0 THEN 19 ELSE (round + 19 - pair) % 19 END AS other,
		CASE pair WHEN 0 THEN round ELSE pair END % 2 = 0 AS at_other
	FROM generate_series(0, 18) AS round, generate_series(0, 9) AS pair
), match AS (
	SELECT round, pair,
		CASE WHEN at_other THEN other ELSE one END AS home,
		CASE WHEN at_other THEN one ELSE other END AS away
	FROM meeting
	UNION ALL
	SELECT round + 19, pair,
		CASE WHEN at_other THEN one ELSE other END,
		CASE WHEN at_other THEN other ELSE one END
	FROM meeting
), slot (slot, day, kick_off) AS (
	/* A weekend's kick-offs, in days from its Saturday. */
	VALUES (0, -1, time '20:00'), (1, 0, '12:30'),
		(2, 0, '15:00'), (3, 0, '15:00'), (4, 0, '15:00'), (5, 0, '15:00'),
		(6, 0, '17:30'), (7, 1, '14:00'), (8, 1, '14:00'), (9, 1, '16:30')
)
SELECT 'Matchday ' || m.round + 1, date '2024-08-17' + 7 * m.round + s.day, s.kick_off,
	h.team, a.team
FROM match m
JOIN team h ON h.seat = m.home
JOIN team a ON a.seat = m.away
JOIN slot s ON s.slot = (m.pair + 3 * m.round) % 10;
