//! The payments of an account.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

use super::{Payment, Progress};
use crate::domain::account::book::{Entry, Movement};
use crate::domain::account::events::Split;
use crate::domain::account::refusal::Refusal;
use crate::ids::PaymentId;

type ById = BTreeMap<PaymentId, Arc<Payment>>;

/// How many payments are kept apart from those that copies share, before all are shared anew.
const OWN_MAX: usize = 32;

/// Payments by id. Every decision that moves money works on a copy of its account, and a copy
/// shares all payments but the last few that were written: it costs no more for an account with
/// hundreds of payments than for one with some.
#[derive(Debug, Clone, Default)]
pub struct Payments {
    /// Not written to while a copy has it, too.
    shared: Arc<ById>,
    /// What was written meanwhile: it counts instead of what is shared under the same id.
    own: ById,
}

impl Payments {
    /// The payment of that id.
    pub fn get(&self, id: &PaymentId) -> Option<&Payment> {
        self.own.get(id).or_else(|| self.shared.get(id)).map(Arc::as_ref)
    }

    /// Is there a payment of that id?
    pub fn contains_key(&self, id: &PaymentId) -> bool {
        self.own.contains_key(id) || self.shared.contains_key(id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values().count()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.shared.is_empty()
    }

    /// All payments, in order of id.
    pub fn values(&self) -> impl Iterator<Item = &Payment> {
        Merged { shared: self.shared.values().peekable(), own: self.own.values().peekable() }
    }

    /// All ids, in order.
    pub fn keys(&self) -> impl Iterator<Item = PaymentId> {
        self.values().map(|payment| payment.id)
    }

    pub(super) fn insert(&mut self, payment: Payment) {
        self.written().insert(payment.id, Arc::new(payment));
    }

    pub(super) fn get_mut(&mut self, id: &PaymentId) -> Option<&mut Payment> {
        if !self.is_alone() && !self.own.contains_key(id) {
            let shared = Arc::clone(self.shared.get(id)?);
            self.own.insert(*id, shared);
        }
        self.written().get_mut(id).map(Arc::make_mut)
    }

    /// Is no copy left that shares payments?
    fn is_alone(&mut self) -> bool {
        Arc::get_mut(&mut self.shared).is_some()
    }

    /// Where to write: among all of them if nobody shares them, or once too many are apart since
    /// somebody always did.
    fn written(&mut self) -> &mut ById {
        if !self.is_alone() && self.own.len() < OWN_MAX {
            return &mut self.own;
        }
        let all = Arc::make_mut(&mut self.shared);
        all.extend(std::mem::take(&mut self.own));
        all
    }
}

impl PartialEq for Payments {
    fn eq(&self, other: &Self) -> bool {
        self.values().eq(other.values())
    }
}

impl Eq for Payments {}

/// Two orders of payments as one.
struct Merged<I: Iterator> {
    shared: Peekable<I>,
    own: Peekable<I>,
}

impl<'a, I: Iterator<Item = &'a Arc<Payment>>> Iterator for Merged<I> {
    type Item = &'a Payment;

    fn next(&mut self) -> Option<&'a Payment> {
        let next = match (self.shared.peek(), self.own.peek()) {
            (Some(shared), Some(own)) if shared.id < own.id => self.shared.next(),
            (Some(shared), Some(own)) => {
                if shared.id == own.id {
                    self.shared.next();
                }
                self.own.next()
            }
            (Some(_), None) => self.shared.next(),
            (None, _) => self.own.next(),
        };
        next.map(Arc::as_ref)
    }
}

impl Payment {
    /// Its place on the timeline when it pays `split`.
    pub(in crate::domain::account) fn entry(&self, split: Split) -> Entry {
        let what = Movement::Payment {
            id: self.id,
            amount: self.amount,
            channel: self.channel,
            payoff: self.payoff_quote.is_some(),
            split,
        };
        Entry { effective: self.effective_date, order: self.order, what }
    }

    /// Refuses what only a payment that is good can be asked for.
    pub(in crate::domain::account) fn check_applied(&self) -> Result<(), Refusal> {
        let payment = self.id;
        match &self.progress {
            Progress::Applied => Ok(()),
            Progress::Returned { return_code, .. } => {
                Err(Refusal::AlreadyReturned { payment, return_code: return_code.clone() })
            }
            state @ (Progress::Scheduled | Progress::Cancelled { .. }) => {
                Err(Refusal::NotApplied { payment, state: state.name().to_owned() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::product::Channel;
    use crate::ids::RequestId;

    fn payment(number: u32, dollars: &str) -> Payment {
        let request = RequestId::derived("test", &number.to_string());
        Payment {
            id: PaymentId::derived(&"a-1".parse().unwrap(), request, 0),
            channel: Channel::Mail,
            amount: dollars.parse().unwrap(),
            effective_date: chrono::NaiveDate::from_ymd_opt(2026, 3, 2).unwrap(),
            progress: Progress::Applied,
            schedule: None,
            receipt: None,
            payoff_quote: None,
            split: None,
            settlement: None,
            applied_at: None,
            return_codes: Vec::new(),
            order: 0,
            since: 0,
        }
    }

    /// The amounts, in order of id.
    fn amounts(payments: &Payments) -> Vec<String> {
        payments.values().map(|payment| payment.amount.to_string()).collect()
    }

    #[test]
    fn what_is_written_to_a_copy_is_not_in_what_it_was_made_of() {
        let mut payments = Payments::default();
        (0..9).for_each(|number| payments.insert(payment(number, "1.00")));
        let before = payments.clone();
        let mut copy = payments.clone();
        copy.insert(payment(9, "2.00"));
        let changed = payment(4, "1.00").id;
        copy.get_mut(&changed).unwrap().amount = "3.00".parse().unwrap();
        assert_eq!((payments.len(), copy.len()), (9, 10));
        assert_eq!(payments, before);
        assert!(amounts(&payments).iter().all(|amount| amount == "1.00"));
        assert_eq!(copy.get(&changed).unwrap().amount.to_string(), "3.00");
        assert!(!payments.contains_key(&payment(9, "2.00").id));
        assert!(copy.contains_key(&payment(9, "2.00").id));
        assert!(copy.get_mut(&payment(10, "1.00").id).is_none());
    }

    #[test]
    fn few_are_apart_even_if_there_is_a_copy_at_every_write() {
        let mut payments = Payments::default();
        for number in 0..200 {
            let before = payments.clone();
            payments.insert(payment(number, "1.00"));
            let earlier = payment(number / 3, "1.00").id;
            payments.get_mut(&earlier).unwrap().amount = "2.00".parse().unwrap();
            assert!(payments.own.len() <= OWN_MAX + 1, "{}", payments.own.len());
            assert_eq!(payments.len(), before.len() + 1);
        }
    }

    #[test]
    fn the_order_is_by_id_whoever_shares_what() {
        let (mut payments, mut copies) = (Payments::default(), Vec::new());
        let mut plain = BTreeMap::new();
        for number in 0..40 {
            // One that is shared, one that is not, and one that was shared when it was changed.
            if number % 3 == 0 {
                copies.push(payments.clone());
            }
            payments.insert(payment(number, "1.00"));
            let earlier = payment(number / 2, "5.00");
            payments.get_mut(&earlier.id).unwrap().amount = earlier.amount;
            plain.insert(payment(number, "1.00").id, "1.00".to_owned());
            plain.insert(earlier.id, "5.00".to_owned());
            if number % 7 == 0 {
                copies.clear();
            }
            assert!(payments.keys().eq(plain.keys().copied()));
            assert_eq!(amounts(&payments), plain.values().cloned().collect::<Vec<_>>());
        }
    }
}
