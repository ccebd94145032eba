-- What finds rows. A file that is filled in bulk gets these last, when they only need sorting.

CREATE INDEX account_release ON account (release_day) WHERE release_day IS NOT NULL;
-- The fold asks by it, too: an id is derived from its account's.
CREATE UNIQUE INDEX payment_account ON payment (account_key, payment_id);
CREATE INDEX payment_effective ON payment (effective_day);
CREATE INDEX payment_pending ON payment (product, effective_day, window_minutes)
    WHERE state = 'scheduled';
CREATE INDEX payment_returned ON payment (returned_day) WHERE state = 'returned';
CREATE INDEX fee_account ON fee (account_key);
CREATE INDEX ledger_day_last ON ledger_day (gl_day);
CREATE INDEX title_lien ON title (lien_position);
CREATE INDEX refusal_account ON refusal (account_id);
