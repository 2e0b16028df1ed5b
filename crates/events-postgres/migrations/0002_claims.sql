-- Claims rewrite no index (docs/decisions/0019-claims-write-no-index.md).
--
-- No index of `deliveries` knows `lease_until` any more, so that a claim changes rows within their page
-- and writes no index. That needs room for a second version of every row of a page.
ALTER TABLE deliveries SET (fillfactor = 40);
DROP INDEX idx_deliveries_leased;
DROP INDEX idx_deliveries_due;
CREATE INDEX idx_deliveries_due ON deliveries (handler, target, due_at, delivery_id);

-- Which deliveries were claimed together, and when to look whether all of them came to an end. A row
-- goes once none of them is leased: nobody waits for that, `deliveries` alone tells who holds what.
CREATE TABLE claims (
    claim_id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    look_at    timestamptz NOT NULL,
    deliveries bigint[]    NOT NULL
) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0
);

ALTER TABLE claims ALTER COLUMN deliveries SET STORAGE MAIN;

CREATE INDEX idx_claims_look_at ON claims (look_at);

INSERT INTO claims (look_at, deliveries)
SELECT min(lease_until), array_agg(delivery_id ORDER BY delivery_id)
FROM deliveries
WHERE lease_until IS NOT NULL
GROUP BY delivery_id / 512;
