-- What finds rows. A file that is filled in bulk gets these last, when they only need sorting.

CREATE UNIQUE INDEX payment_id ON payment (payment_id);
CREATE INDEX account_release ON account (release_day) WHERE release_day IS NOT NULL;
CREATE INDEX payment_account ON payment (account_key);
CREATE INDEX payment_effective ON payment (effective_day);
CREATE INDEX payment_pending ON payment (product, effective_day, window_minutes)
    WHERE state = 'scheduled';
CREATE INDEX fee_account ON fee (account_key);
CREATE INDEX title_lien ON title (lien_position);
CREATE INDEX refusal_account ON refusal (account_id);
