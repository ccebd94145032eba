WITH
-- What is between braces the rulebook says, or whoever asks.
policy (first, last, days, months, unauthorised, administrative, overall) AS (VALUES {policies}),
counted (class, code, first, last) AS (VALUES {counted}),
class_of (place, class) AS (VALUES {classes}),
asked AS (
    SELECT as_of_day, policy.*, unixepoch((as_of_day + 1) * 86400, 'unixepoch', 'start of month')
        / 86400 - 1 AS month_end_day
    FROM (SELECT {as_of} AS as_of_day) JOIN policy ON as_of_day BETWEEN first AND last),
period AS (
    SELECT 0 AS place, '{rolling_days}' AS period, as_of_day - days + 1 AS first_day,
        as_of_day AS last_day, * FROM asked
    UNION ALL
    SELECT 1, '{calendar_months}', unixepoch(month_end_day * 86400, 'unixepoch', 'start of month',
        (1 - months) || ' months') / 86400, month_end_day, * FROM asked),
-- The index by effective date finds a debit, which is originated on that day or soon after it.
debited AS MATERIALIZED (
    SELECT *, (SELECT count(*) FROM payment
        WHERE channel = 'own_ach' AND state IN ('applied', 'returned')
            AND effective_day BETWEEN first_day - {originated_after_days} AND last_day
            AND origination_day BETWEEN first_day AND last_day) AS debits
    FROM period),
-- A return that contests a dishonour has the reason of the return that was dishonoured.
returned AS (
    SELECT returned_day, CASE WHEN return_code IN ({contests}) THEN coalesce(
        (SELECT value FROM json_each(earlier_return_codes) WHERE value NOT IN ({contests})
            ORDER BY key DESC LIMIT 1), return_code) ELSE return_code END AS code
    FROM payment WHERE state = 'returned' AND channel = 'own_ach'),
rate AS MATERIALIZED (
    SELECT debited.*, class_of.place AS class_place, class,
        CASE class WHEN 'unauthorised' THEN unauthorised WHEN 'administrative' THEN administrative
            ELSE overall END AS level_millionths,
        (SELECT count(*) FROM returned WHERE returned_day BETWEEN first_day AND last_day
            AND (class = 'overall' OR EXISTS (SELECT 1 FROM counted
                WHERE counted.class = class_of.class AND counted.code = returned.code
                    AND returned_day BETWEEN counted.first AND counted.last))) AS returns
    FROM debited CROSS JOIN class_of)
-- What is above a level is judged by the counts, since a rate is rounded.
SELECT {columns}
FROM rate ORDER BY place, class_place
