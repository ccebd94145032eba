//! `payledger titles`: the verbs of `TitleService`.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::accounts::Get;
use super::call::Call;
use super::servicing::AccountChange;
use super::words::{self, Page, RequestId};
use crate::cli::CliError;

/// What a table of titles shows.
const COLUMNS: &[&str] = &[
    "account_id",
    "state",
    "title_state",
    "vin",
    "paid_off_date",
    "release_date",
    "statutory_date",
    "released_time",
];

/// A verb of `TitleService`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Records the lien noted on the title of an account's vehicle, or corrects what is on record.
    RecordLien(RecordLien),
    /// Shows the title of one account.
    Get(Get),
    /// Lists titles in the order in which their liens were recorded.
    List(List),
    /// Releases the lien of a paid-off account whose funds are good.
    Release(AccountChange),
}

/// See [`Verb::RecordLien`].
#[derive(Debug, Args, Serialize)]
pub struct RecordLien {
    /// The account's id.
    #[arg(long = "account", value_name = "ID")]
    pub account_id: String,
    /// The lien.
    #[command(flatten)]
    pub lien: Lien,
    /// The vehicle identification number on record, if it is wrong and --vin is right.
    #[arg(long, value_name = "VIN")]
    pub replaced_vin: Option<String>,
    /// The request's id.
    #[command(flatten)]
    #[serde(flatten)]
    pub request: RequestId,
}

/// A lien on a vehicle's title.
#[derive(Debug, Args, Serialize)]
pub struct Lien {
    /// The state that issued the title, two letters: its law sets the deadline of a release.
    #[arg(long, value_name = "STATE")]
    pub title_state: String,
    /// The vehicle identification number, 17 characters.
    #[arg(long)]
    pub vin: String,
    /// The lienholder's name as it stands on the title.
    #[arg(long, value_name = "NAME")]
    pub lienholder: String,
}

/// See [`Verb::List`].
#[derive(Debug, Args, Serialize)]
pub struct List {
    /// Only titles in this state.
    #[arg(long, value_parser = words::member("TitleState"))]
    pub state: Option<String>,
    /// Which page.
    #[command(flatten)]
    #[serde(flatten)]
    pub page: Page,
}

impl Verb {
    /// The call that the verb is.
    pub fn call(&self) -> Result<Call, CliError> {
        match self {
            Self::RecordLien(record) => Call::new("TitleService.RecordLien", record),
            Self::Get(get) => Call::new("TitleService.GetTitle", get),
            Self::List(list) => {
                Ok(Call::new("TitleService.ListTitles", list)?.listing("titles", COLUMNS))
            }
            Self::Release(release) => Call::new("TitleService.ReleaseLien", release),
        }
    }
}
