-- The tables of the fold. Keys are positions of first events; days count from 1970-01-01, instants
-- are nanoseconds since 1970, money is cents; names end in their unit. `gl_balances_cents` stands
-- for a column for each account of the general ledger.

CREATE TABLE account (
    account_key INTEGER PRIMARY KEY,
    account_id TEXT NOT NULL UNIQUE,
    product TEXT NOT NULL,
    currency TEXT NOT NULL,
    opened_day INTEGER NOT NULL,
    opening_annual_rate TEXT NOT NULL,
    day_count TEXT NOT NULL,
    interest_paid_through_day INTEGER NOT NULL,
    interest_carry TEXT NOT NULL,
    opening_principal_cents INTEGER NOT NULL,
    instalment_cents INTEGER NOT NULL,
    instalment_tax_cents INTEGER NOT NULL,
    first_due_day INTEGER NOT NULL,
    due_day_of_month INTEGER NOT NULL,
    instalment_count INTEGER NOT NULL,
    first_instalment_cents INTEGER,
    shortfall_tolerance_cents INTEGER NOT NULL,
    returned_item_fee_cents INTEGER,
    late_fee_grace_days INTEGER,
    late_fee_cents INTEGER,
    late_fee_rate TEXT,
    late_fee_maximum_cents INTEGER,
    governing_state TEXT,
    residual_cents INTEGER,
    sales_tax_rate TEXT,
    gl_balances_cents,
    accrued_through_day INTEGER NOT NULL,
    billed_cents INTEGER NOT NULL,
    annual_rate TEXT NOT NULL,
    rate_day INTEGER NOT NULL,
    shifts TEXT,
    due_segments TEXT,
    oldest_unpaid_due_day INTEGER,
    next_due_day INTEGER,
    maturity_day INTEGER NOT NULL,
    charged_off_cents INTEGER NOT NULL,
    charged_off_day INTEGER,
    vehicle_returned_day INTEGER,
    rentals_due_count INTEGER,
    non_accrual_day INTEGER,
    late_after_all_day INTEGER,
    paid_off_day INTEGER,
    release_day INTEGER,
    statutory_day INTEGER
);

-- The one thing that every event of an account changes. Beside the rest it would have a page written
-- for each account that is touched: a page holds some ten of those rows, and hundreds of these.
CREATE TABLE account_position (
    account_key INTEGER PRIMARY KEY,
    last_position INTEGER NOT NULL
);

CREATE TABLE payment (
    payment_key INTEGER PRIMARY KEY,
    payment_id BLOB NOT NULL,
    account_key INTEGER NOT NULL,
    product TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    amount_cents INTEGER NOT NULL,
    effective_day INTEGER NOT NULL,
    window_minutes INTEGER,
    cutoff_nanos INTEGER,
    origination_day INTEGER,
    scheduled_nanos INTEGER,
    funding_token TEXT,
    funding_last_four TEXT,
    reference TEXT,
    third_party_fee_cents INTEGER,
    payoff_quote_id BLOB,
    cancelled_nanos INTEGER,
    cancel_reason TEXT,
    applied_nanos INTEGER,
    returned_nanos INTEGER,
    returned_day INTEGER,
    return_code TEXT,
    earlier_return_codes TEXT,
    reinstated_nanos INTEGER,
    settlement_day INTEGER,
    withheld_cents INTEGER,
    interest_cents INTEGER,
    principal_cents INTEGER,
    fees_cents INTEGER,
    rentals_cents INTEGER,
    tax_cents INTEGER,
    residual_cents INTEGER,
    sales_tax_cents INTEGER,
    recovery_cents INTEGER,
    credit_cents INTEGER,
    written_off_interest_cents INTEGER,
    written_off_principal_cents INTEGER,
    written_off_fees_cents INTEGER,
    written_off_residual_cents INTEGER,
    written_off_credit_cents INTEGER,
    settled_position INTEGER,
    last_position INTEGER NOT NULL
);

CREATE TABLE fee (
    fee_key INTEGER PRIMARY KEY,
    fee_id BLOB NOT NULL UNIQUE,
    account_key INTEGER NOT NULL,
    kind TEXT NOT NULL,
    amount_cents INTEGER NOT NULL,
    effective_day INTEGER NOT NULL,
    payment_id BLOB,
    instalment INTEGER,
    assessed_nanos INTEGER NOT NULL,
    waived_nanos INTEGER,
    waive_reason TEXT,
    last_position INTEGER NOT NULL
);

CREATE TABLE charge_off (
    charge_off_key INTEGER PRIMARY KEY,
    charge_off_id BLOB NOT NULL UNIQUE,
    account_key INTEGER NOT NULL,
    reason TEXT NOT NULL,
    effective_day INTEGER NOT NULL,
    part_cents INTEGER,
    principal_cents INTEGER NOT NULL,
    interest_cents INTEGER NOT NULL,
    late_fees_cents INTEGER NOT NULL,
    returned_item_fees_cents INTEGER NOT NULL,
    lease_charges_cents INTEGER NOT NULL,
    rentals_cents INTEGER NOT NULL,
    rentals_ahead_cents INTEGER NOT NULL,
    rental_tax_cents INTEGER NOT NULL,
    recorded_nanos INTEGER NOT NULL,
    last_position INTEGER NOT NULL
);
-- The fold itself asks by it.
CREATE INDEX charge_off_account ON charge_off (account_key);

CREATE TABLE adjustment (
    adjustment_key INTEGER PRIMARY KEY,
    adjustment_id BLOB NOT NULL UNIQUE,
    account_key INTEGER NOT NULL,
    change_cents INTEGER NOT NULL,
    credited_cents INTEGER NOT NULL,
    reason TEXT NOT NULL,
    effective_day INTEGER NOT NULL,
    recorded_nanos INTEGER NOT NULL,
    last_position INTEGER NOT NULL
);

CREATE TABLE payoff_quote (
    quote_key INTEGER PRIMARY KEY,
    quote_id BLOB NOT NULL UNIQUE,
    account_key INTEGER NOT NULL,
    good_through_day INTEGER NOT NULL,
    amount_cents INTEGER NOT NULL,
    principal_cents INTEGER NOT NULL,
    interest_cents INTEGER NOT NULL,
    fees_cents INTEGER NOT NULL,
    rentals_cents INTEGER NOT NULL,
    rentals_ahead_cents INTEGER NOT NULL,
    residual_cents INTEGER NOT NULL,
    sales_tax_cents INTEGER NOT NULL,
    charged_off_cents INTEGER NOT NULL,
    credit_cents INTEGER NOT NULL,
    per_diem TEXT NOT NULL,
    quoted_nanos INTEGER NOT NULL
);

CREATE TABLE refund (
    refund_key INTEGER PRIMARY KEY,
    refund_id BLOB NOT NULL UNIQUE,
    account_key INTEGER NOT NULL,
    amount_cents INTEGER NOT NULL,
    method TEXT NOT NULL,
    payment_id BLOB,
    effective_day INTEGER NOT NULL,
    refunded_nanos INTEGER NOT NULL,
    settlement_day INTEGER,
    returned_nanos INTEGER,
    last_position INTEGER NOT NULL
);

CREATE TABLE title (
    account_key INTEGER PRIMARY KEY,
    title_state TEXT NOT NULL,
    vin TEXT NOT NULL,
    lienholder TEXT NOT NULL,
    lien_position INTEGER NOT NULL,
    released_day INTEGER,
    released_nanos INTEGER
);

CREATE TABLE posting (
    position INTEGER PRIMARY KEY,
    account_key INTEGER NOT NULL,
    kind TEXT NOT NULL,
    effective_day INTEGER NOT NULL,
    gl_day INTEGER NOT NULL,
    lines TEXT NOT NULL
);

CREATE TABLE accrual (
    position INTEGER NOT NULL,
    product TEXT NOT NULL,
    first_line INTEGER NOT NULL,
    gl_day INTEGER NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (position, product)
) WITHOUT ROWID;

CREATE TABLE ledger_day (
    product TEXT NOT NULL,
    gl_account INTEGER NOT NULL,
    gl_day INTEGER NOT NULL,
    debit_cents INTEGER NOT NULL,
    credit_cents INTEGER NOT NULL,
    PRIMARY KEY (product, gl_account, gl_day)
) WITHOUT ROWID;

CREATE TABLE accounting_day (
    gl_day INTEGER PRIMARY KEY,
    opened_position INTEGER NOT NULL,
    opened_nanos INTEGER NOT NULL,
    closed_position INTEGER,
    closed_nanos INTEGER,
    sealed_position INTEGER,
    restatement_count INTEGER,
    restated_principal_cents INTEGER,
    restated_interest_cents INTEGER,
    restatement_root TEXT
);

CREATE TABLE ledger_journal (
    gl_day INTEGER NOT NULL,
    product TEXT NOT NULL,
    kind TEXT NOT NULL,
    journal_id TEXT NOT NULL UNIQUE,
    events INTEGER NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (gl_day, product, kind)
) WITHOUT ROWID;

CREATE TABLE accounting_month (
    month TEXT PRIMARY KEY,
    last_gl_day INTEGER NOT NULL,
    days INTEGER NOT NULL,
    journals INTEGER NOT NULL,
    restatements INTEGER NOT NULL,
    closed_position INTEGER NOT NULL,
    closed_nanos INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE run_window (
    product TEXT NOT NULL,
    day INTEGER NOT NULL,
    window_minutes INTEGER NOT NULL,
    cutoff_nanos INTEGER NOT NULL,
    pending_count INTEGER NOT NULL,
    settled_count INTEGER NOT NULL,
    sealed_count INTEGER NOT NULL,
    seals INTEGER NOT NULL,
    sealed_position INTEGER,
    payments_check INTEGER NOT NULL,
    PRIMARY KEY (product, day, window_minutes)
) WITHOUT ROWID;

CREATE TABLE seal (
    position INTEGER PRIMARY KEY,
    product TEXT NOT NULL,
    day INTEGER NOT NULL,
    window_minutes INTEGER NOT NULL,
    supplement INTEGER NOT NULL,
    applied_count INTEGER NOT NULL,
    applied_cents INTEGER NOT NULL,
    cancelled_count INTEGER NOT NULL,
    cancelled_cents INTEGER NOT NULL,
    root TEXT NOT NULL,
    sealed_nanos INTEGER NOT NULL
);

CREATE TABLE refusal (
    position INTEGER PRIMARY KEY,
    account_id TEXT,
    command TEXT NOT NULL,
    reason TEXT NOT NULL,
    facts TEXT NOT NULL,
    received_nanos INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    actor TEXT NOT NULL
);

CREATE TABLE progress (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    fold_version INTEGER NOT NULL,
    position INTEGER NOT NULL,
    witness TEXT
);
