//! Pages of lists: their size, and tokens that pin the list, its filter, and what it can hold.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger::envelope::Position;
use prost::Message;
use proto::payledger::v1::{
    ErrorReason, ListAccountingDaysRequest, ListAccountsRequest, ListInstalmentsRequest,
    ListPaymentsRequest, ListPayoffQuotesRequest, ListPendingPaymentsRequest, ListRefundsRequest,
    ListRestatementsRequest, ListTitlesRequest,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::convert::{Field, FieldError};

/// How many rows a page holds when the client does not say.
pub const PAGE_SIZE_DEFAULT: usize = 100;
/// How many rows a page holds at most, whatever the client says.
pub const PAGE_SIZE_MAX: usize = 1000;
/// The longest page token that is looked at; ours are far shorter.
const TOKEN_BYTES_MAX: usize = 1024;

/// A request for a page of a list.
pub trait ListRequest: Message + Default + Clone {
    /// The list's name: a token of one list is no token of another.
    const LIST: &'static str;

    /// How many rows the client asks for.
    fn page_size(&self) -> i32;

    /// Where the client wants to go on.
    fn page_token(&self) -> &str;

    /// The request with nothing but its filter.
    #[must_use]
    fn filter(&self) -> Self;
}

macro_rules! list_request {
    ($($type:ident => $name:literal,)+) => {
        $(impl ListRequest for $type {
            const LIST: &'static str = $name;

            fn page_size(&self) -> i32 {
                self.page_size
            }

            fn page_token(&self) -> &str {
                &self.page_token
            }

            fn filter(&self) -> Self {
                // Assigned, since a list without a filter has nothing else.
                let mut filter = self.clone();
                filter.page_size = 0;
                filter.page_token.clear();
                filter.min_position = 0;
                filter
            }
        })+
    };
}

list_request! {
    ListAccountsRequest => "accounts",
    ListInstalmentsRequest => "instalments",
    ListPaymentsRequest => "payments",
    ListPayoffQuotesRequest => "payoff_quotes",
    ListPendingPaymentsRequest => "pending_payments",
    ListRefundsRequest => "refunds",
    ListTitlesRequest => "titles",
    ListAccountingDaysRequest => "accounting_days",
    ListRestatementsRequest => "restatements",
}

/// Where the page before ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume<K> {
    /// The position that the first page was read at: later pages leave out what was created after
    /// it. What was created before is shown as it is when its own page is read.
    pub position: Position,
    /// The key of the last row that was returned.
    pub after: K,
}

/// A page that a client asks for. `K` is what the list's rows are ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<K> {
    /// How many rows to return at most.
    pub size: usize,
    /// Where to go on; `None` for the first page.
    pub resume: Option<Resume<K>>,
}

/// What is inside a token. The names are short because clients carry it in every call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token<K> {
    #[serde(rename = "l")]
    list: String,
    #[serde(rename = "f")]
    filter: String,
    #[serde(rename = "p")]
    position: u64,
    #[serde(rename = "k")]
    after: K,
}

/// Reads which page a request asks for. Refuses a negative size, and with `PAGE_TOKEN_MISMATCH` a
/// token that is not one of this list and filter.
pub fn asked<R: ListRequest, K: DeserializeOwned>(request: &R) -> Field<Page<K>> {
    let size = size("page_size", request.page_size())?;
    let resume = match request.page_token() {
        "" => None,
        token => Some(resume(request, token)?),
    };
    Ok(Page { size, resume })
}

/// The token of the page after the row with this key.
pub fn next<R: ListRequest, K: Serialize>(request: &R, position: Position, after: &K) -> String {
    let token =
        Token { list: R::LIST.to_owned(), filter: digest(request), position: position.0, after };
    // Keys are strings and numbers, whose JSON cannot fail; an empty token would end the list.
    serde_json::to_vec(&token).map(|json| URL_SAFE_NO_PAD.encode(json)).unwrap_or_default()
}

/// Reads a page size: 0 means 100, over 1000 means 1000, below 0 is refused.
pub fn size(field: &str, wire: i32) -> Field<usize> {
    match usize::try_from(wire) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        Ok(size) => Ok(size.min(PAGE_SIZE_MAX)),
        Err(_) => Err(FieldError::new(field, "is below zero").fact("page_size", wire)),
    }
}

fn resume<R: ListRequest, K: DeserializeOwned>(request: &R, token: &str) -> Field<Resume<K>> {
    // The key is read last: that of another list need not look like ours.
    let token = decode(token).ok_or_else(|| mismatch("is not a page token"))?;
    if token.list != R::LIST {
        return Err(mismatch("is a page token of another list"));
    }
    if token.filter != digest(request) {
        return Err(mismatch("is a page token of another filter"));
    }
    let after = serde_json::from_value(token.after).map_err(|_| mismatch("is not a page token"))?;
    Ok(Resume { position: Position(token.position), after })
}

fn decode(token: &str) -> Option<Token<serde_json::Value>> {
    let sane = token.len() <= TOKEN_BYTES_MAX;
    let json = sane.then(|| URL_SAFE_NO_PAD.decode(token).ok())??;
    serde_json::from_slice(&json).ok()
}

/// What is wrong with the token of a page that follows one of a log that went further, as before a
/// restore that lost its end.
pub fn beyond_the_log() -> FieldError {
    mismatch("is of a page beyond the end of the log")
}

fn mismatch(message: &str) -> FieldError {
    FieldError::new("page_token", message).because(ErrorReason::PageTokenMismatch)
}

/// Tells filters apart: the first 8 bytes of the SHA-256 of the filter's encoding.
fn digest<R: ListRequest>(request: &R) -> String {
    let hash = Sha256::digest(request.filter().encode_to_vec());
    URL_SAFE_NO_PAD.encode(hash.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payments_of(account: &str) -> ListPaymentsRequest {
        ListPaymentsRequest { account_id: account.to_owned(), ..ListPaymentsRequest::default() }
    }

    fn with_token(token: &str, account: &str) -> ListPaymentsRequest {
        ListPaymentsRequest { page_token: token.to_owned(), ..payments_of(account) }
    }

    #[test]
    fn a_token_leads_back_to_where_the_page_ended() {
        let first = payments_of("a-1");
        assert_eq!(asked::<_, u64>(&first).unwrap(), Page { size: 100, resume: None });
        let token = next(&first, Position(42), &7_u64);
        let second =
            ListPaymentsRequest { page_size: 5, min_position: 9, ..with_token(&token, "a-1") };
        let resume = Some(Resume { position: Position(42), after: 7_u64 });
        assert_eq!(asked(&second).unwrap(), Page { size: 5, resume });
    }

    #[test]
    fn a_token_of_another_filter_or_list_or_none_at_all_is_refused() {
        let token = next(&payments_of("a-1"), Position(42), &7_u64);
        let titles = next(&ListTitlesRequest::default(), Position(42), &"a-1");
        let long = "A".repeat(100_000);
        for (token, account, message) in [
            (token.as_str(), "a-2", "is a page token of another filter"),
            (titles.as_str(), "a-1", "is a page token of another list"),
            ("rubbish!", "a-1", "is not a page token"),
            ("e30", "a-1", "is not a page token"),
            (&token[1..], "a-1", "is not a page token"),
            (long.as_str(), "a-1", "is not a page token"),
        ] {
            let error = asked::<_, u64>(&with_token(token, account)).unwrap_err();
            assert_eq!(error.reason, ErrorReason::PageTokenMismatch);
            assert_eq!(error.message, message);
        }
    }

    #[test]
    fn a_page_has_100_rows_unless_told_and_never_over_1000() {
        let sizes = [(0, 100), (1, 1), (1000, 1000), (1001, 1000), (i32::MAX, 1000)];
        for (asked, given) in sizes {
            assert_eq!(size("page_size", asked).unwrap(), given);
        }
        assert_eq!(size("page_size", -1).unwrap_err().field, "page_size");
    }
}
