//! The trial balance: by product, and over all of them.

use std::collections::BTreeMap;

use ledger::domain::journal::LedgerAccount;
use ledger::domain::money::{Money, total};
use projections::queries::trial_balance::TrialBalanceRow;
use proto::payledger::v1 as wire;
use tonic::Status;

use super::{Gateway, above_head, read_failed};
use crate::convert::money::to_wire;
use crate::convert::{enums, ids, time};
use crate::status::Failure;

impl Gateway {
    /// The trial balance, as it is or as the log had it at a position.
    pub(super) async fn trial_balance(
        &self,
        request: wire::GetTrialBalanceRequest,
    ) -> Result<wire::GetTrialBalanceResponse, Status> {
        let through = time::date_if_set("through_date", request.through_date.as_ref())?;
        let known = ids::position_if_set(request.known_position);
        if let Some(known) = known {
            let head = self.engine.store().head().await.map_err(Failure::from)?;
            if known > head {
                return Err(above_head("known_position", known, head).into());
            }
        }
        self.wait_for(request.min_position.max(request.known_position)).await?;
        let answer = match known {
            None => self.reads.read(None, move |reader| reader.trial_balance(through)).await,
            Some(known) => self.reads.trial_balance_known(through, known).await,
        };
        let answer = answer.map_err(read_failed)?;
        let rows = &answer.value;
        let mut totals: BTreeMap<LedgerAccount, (Money, Money)> = BTreeMap::new();
        for row in rows {
            let (debits, credits) = totals.entry(row.account).or_default();
            *debits += row.debits;
            *credits += row.credits;
        }
        let of_product = |row: &TrialBalanceRow| {
            let product = enums::product_to_wire(row.product);
            to_row(product, row.account, (row.debits, row.credits))
        };
        let of_all = |(account, sums)| to_row(wire::Product::Unspecified, account, sums);
        let sum = |side: fn(&TrialBalanceRow) -> Money| Some(to_wire(total(rows.iter().map(side))));
        Ok(wire::GetTrialBalanceResponse {
            total_debits: sum(|row| row.debits),
            total_credits: sum(|row| row.credits),
            rows: totals.into_iter().map(of_all).collect(),
            product_rows: rows.iter().map(of_product).collect(),
            read_position: answer.read_position.0,
            read_time: Some(self.read_time()),
        })
    }
}

fn to_row(
    product: wire::Product,
    account: LedgerAccount,
    (debits, credits): (Money, Money),
) -> wire::TrialBalanceRow {
    wire::TrialBalanceRow {
        ledger_account: account.as_str().to_owned(),
        title: account.title().to_owned(),
        debits: Some(to_wire(debits)),
        credits: Some(to_wire(credits)),
        balance: Some(to_wire(debits - credits)),
        product: product.into(),
    }
}
