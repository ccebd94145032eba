-- A message store on PostgreSQL: one table, and a function that appends if nobody else has.

CREATE TABLE events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    version bigint NOT NULL,
    kind text NOT NULL,
    data text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (stream, version)
);

-- Appends the payloads if the stream is at the version that is expected, and answers the one that
-- it is at then. Appends to one stream wait for each other; those to different streams do not, so
-- that positions may become visible out of order.
CREATE FUNCTION append(to_stream text, expected bigint, payloads text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(to_stream, 0));
    SELECT max(version) INTO found FROM events WHERE stream = to_stream;
    IF coalesce(found, 0) <> expected THEN
        RAISE EXCEPTION 'stream % is at version %, not %', to_stream, found, expected
            USING ERRCODE = 'serialization_failure';
    END IF;
    INSERT INTO events (stream, version, kind, data)
    SELECT to_stream, expected + given.number, 'Recorded', given.payload
    FROM unnest(payloads) WITH ORDINALITY AS given (payload, number);
    RETURN expected + cardinality(payloads);
END
$$;
