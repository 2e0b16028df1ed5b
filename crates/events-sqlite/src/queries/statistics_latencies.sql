-- The latencies that are there for the rows ?1: [[handler, scope, name, day], …].
SELECT given.key AS place, latencies
FROM json_each(?1) AS given
CROSS JOIN attempt_counts
    ON handler = given.value ->> 0 AND scope = given.value ->> 1 AND name = given.value ->> 2 AND day = given.value ->> 3
