//! Asset-level data of auto loans as issuers file it with the SEC (form ABS-EE, exhibit EX-102; 17
//! CFR 229.1125, Schedule AL, item 3): read, turned into ordinary commands, replayed, compared.
//!
//! The ways between the modules: [`reader`] knows files and no ledger; [`history`] and [`billing`]
//! infer what a filing leaves out; [`plan`] turns a month into commands; [`replay`] lets the ledger
//! decide them; [`reconciliation`] compares; [`portfolio`] is what an import sends to a server.

pub mod billing;
pub mod history;
pub mod loans;
pub mod plan;
pub mod portfolio;
pub mod reader;
pub mod reconciliation;
pub mod record;
pub mod replay;
pub mod summary;
pub mod whole_days;
