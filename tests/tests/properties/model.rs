//! The little that is known of every account without any rule of interest: which requests were
//! answered how, and which payments there are in which state.

use std::collections::BTreeMap;

use proto::payledger::v1::{Payment, PaymentState};

/// What one client knows of its accounts.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The state and the cents of each payment, by account and id.
    pub(crate) payments: BTreeMap<(String, String), (PaymentState, i64)>,
    /// The position of each accepted request, by name.
    pub(crate) accepted: BTreeMap<String, u64>,
    /// The reason and the position of each refused request, by name.
    pub(crate) refused: BTreeMap<String, (String, String)>,
}

impl Model {
    /// A payment as an answer has it.
    pub(crate) fn told(&mut self, payment: &Payment) {
        let key = (payment.account_id.clone(), payment.payment_id.clone());
        let cents = tests::requests::cents(payment.amount.as_ref());
        self.payments.insert(key, (payment.state(), cents));
    }

    /// The payments of an account that are in a state.
    pub(crate) fn in_state(&self, account: &str, state: PaymentState) -> Vec<String> {
        let of_account = self.payments.iter().filter(|((owner, _), _)| owner == account);
        of_account.filter(|(_, (is, _))| *is == state).map(|((_, id), _)| id.clone()).collect()
    }

    /// The payments of an account that are in a state, or any payment, or one that is not there.
    pub(crate) fn pick(&self, account: &str, state: PaymentState, number: u64) -> String {
        let right = self.in_state(account, state);
        let any = self.payments.keys().filter(|(owner, _)| owner == account);
        let any: Vec<String> = any.map(|(_, id)| id.clone()).collect();
        let from = if number.is_multiple_of(4) || right.is_empty() { any } else { right };
        let len = u64::try_from(from.len()).unwrap();
        match (number / 4).checked_rem(len) {
            Some(index) => from[usize::try_from(index).unwrap()].clone(),
            None => tests::requests::request_id("no such payment"),
        }
    }
}
