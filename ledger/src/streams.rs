//! Which stream holds what, and which streams there can be. These names are for ever.
//!
//! A log that is shared with others, as a cluster's may be, is counted by these names: a name that
//! is added here moves every position behind the first event under it, so that no gateway that
//! knows the old names may run beside one that knows the new ones.

use smol_str::{SmolStr, format_smolstr};

use crate::cycles::cutoff::WindowKey;
use crate::envelope::StreamName;
use crate::ids::AccountId;

/// What a stream holds, told by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stream {
    /// Everything about one account.
    Account(AccountId),
    /// The seals of one cut-off window.
    Cutoff(WindowKey),
    /// The versions of the rules.
    Rulebook,
    /// The accounting calendar.
    Books,
    /// What was lost, and who has approved to go on.
    Recovery,
    /// Something that this version does not know.
    Unknown,
}

const ACCOUNT: &str = "account-";
const CUTOFF: &str = "cutoff-";
const CUSTOMER: &str = "customer-";
const REMITTANCE: &str = "remittance-";
const FILE: &str = "file-";
const RULEBOOK: &str = "rulebook";
const BOOKS: &str = "books";
const RECOVERY: &str = "recovery";

/// How the names of the ledger's streams begin of which there are many. Those of customers,
/// remittances and files are kept for what is to come.
pub(crate) const FAMILIES: [&str; 5] = [ACCOUNT, CUTOFF, CUSTOMER, REMITTANCE, FILE];

/// The ledger's streams of which there is one.
pub(crate) const SINGLES: [&str; 3] = [RULEBOOK, BOOKS, RECOVERY];

/// Is a stream of that name the ledger's, now or some day?
pub fn is_ours(name: &StreamName) -> bool {
    let name = name.as_str();
    SINGLES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// The stream of an account.
pub fn of_account(account: &AccountId) -> StreamName {
    known(format_smolstr!("{ACCOUNT}{account}"))
}

/// The stream of a cut-off window.
pub fn of_window(window: &WindowKey) -> StreamName {
    known(format_smolstr!("{CUTOFF}{}", window.name()))
}

/// The stream of the rules' versions.
pub fn of_rulebook() -> StreamName {
    known(RULEBOOK.into())
}

/// The stream of the accounting calendar.
pub fn of_books() -> StreamName {
    known(BOOKS.into())
}

/// The stream of what was lost.
pub fn of_recovery() -> StreamName {
    known(RECOVERY.into())
}

#[expect(clippy::expect_used, reason = "made of checked ids, which are shorter and narrower")]
fn known(name: SmolStr) -> StreamName {
    StreamName::new(name).expect("a stream name")
}

impl Stream {
    /// What the stream of that name holds.
    pub fn of(name: &StreamName) -> Self {
        let name = name.as_str();
        if name == RULEBOOK {
            return Self::Rulebook;
        }
        if name == BOOKS {
            return Self::Books;
        }
        if name == RECOVERY {
            return Self::Recovery;
        }
        if let Some(account) = name.strip_prefix(ACCOUNT) {
            return account.parse().map_or(Self::Unknown, Self::Account);
        }
        name.strip_prefix(CUTOFF).and_then(window_key).map_or(Self::Unknown, Self::Cutoff)
    }
}

/// Reads `{product}-{yyyy}-{mm}-{dd}-{window}`.
fn window_key(name: &str) -> Option<WindowKey> {
    let (product, rest) = name.split_once('-')?;
    let (date, window) = rest.rsplit_once('-')?;
    Some(WindowKey {
        product: product.parse().ok()?,
        date: date.parse().ok()?,
        window: window.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::product::Product;

    #[test]
    fn a_stream_is_known_by_its_name() {
        let account: AccountId = "auto-1".parse().unwrap();
        assert_eq!(Stream::of(&of_account(&account)), Stream::Account(account));
        let window = WindowKey {
            product: Product::AutoLoan,
            date: "2026-03-03".parse().unwrap(),
            window: "15:00".parse().unwrap(),
        };
        assert_eq!(of_window(&window).as_str(), "cutoff-auto-2026-03-03-15:00");
        assert_eq!(Stream::of(&of_window(&window)), Stream::Cutoff(window));
        assert_eq!(Stream::of(&of_rulebook()), Stream::Rulebook);
        assert_eq!(Stream::of(&of_books()), Stream::Books);
        assert_eq!(Stream::of(&of_recovery()), Stream::Recovery);
        assert_eq!(Stream::of(&StreamName::new("bookshop").unwrap()), Stream::Unknown);
    }
}
