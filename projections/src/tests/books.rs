//! The accounting calendar in the read models: closed days, their feed, and what was known when.

use ledger::codec::Fact;
use ledger::domain::account::commands::{Command, ReceivePayment};
use ledger::domain::books::events::{
    BooksRequestRefused, DayClosed, DayOpened, Event, Fractions, LedgerJournal, MonthClosed,
    ProductClose, RestatementSeal,
};
use ledger::domain::books::refusal::BooksRefusal;
use ledger::domain::books::turnover::Turnovers;
use ledger::domain::journal::{Journal, LedgerAccount};
use ledger::domain::product::{Channel, Product};
use ledger::envelope::Position;
use ledger::streams::of_books;

use super::kit::{Bank, day, id, money};
use crate::database::open_reader;
use crate::queries::trial_balance::TrialBalanceRow;
use crate::{Options, Projections, generation};

async fn record(bank: &mut Bank, event: Event) -> Position {
    bank.record(&of_books(), vec![Fact::Books(event)]).await;
    bank.head().await
}

fn opened(gl_date: &str) -> Event {
    Event::DayOpened(DayOpened { gl_date: day(gl_date) })
}

/// A close that books 2.00 of interest on auto loans.
fn closed(gl_date: &str, position: Position) -> Event {
    let mut journal = Journal::new(day(gl_date));
    let (interest, income) = (LedgerAccount::AccruedInterest, LedgerAccount::InterestIncome);
    journal.transfer(interest, income, money("2.00"), day(gl_date));
    let accrual = journal.finish();
    let mut turnovers = Turnovers::default();
    turnovers.post(&accrual);
    let lines = turnovers.to_vec();
    Event::DayClosed(DayClosed {
        gl_date: day(gl_date),
        position,
        products: vec![ProductClose {
            product: Product::AutoLoan,
            accounts: 1,
            accrual,
            trial_balance: lines.clone(),
        }],
        fractions: Fractions::Earning,
        journals: vec![LedgerJournal {
            id: format!("journal of {gl_date}"),
            product: Product::AutoLoan,
            kind: "Accrual".to_owned(),
            events: 1,
            lines,
        }],
        restatements: RestatementSeal { root: "none".to_owned(), ..RestatementSeal::default() },
    })
}

fn receive(amount: &str) -> Command {
    Command::ReceivePayment(ReceivePayment {
        channel: Channel::Mail,
        amount: amount.parse().unwrap(),
        received_date: day("2026-03-02"),
        reference: None,
        third_party_fee: None,
        guaranteed_funds: false,
        paid_by_dealer: false,
        allow_duplicate: true,
        payoff_quote: None,
        preview: None,
    })
}

fn text(rows: &[TrialBalanceRow]) -> String {
    let row = |row: &TrialBalanceRow| format!("{} {} {}\n", row.product, row.account, row.net());
    rows.iter().map(row).collect()
}

#[tokio::test]
async fn what_was_known_at_a_position_is_what_the_read_model_said_there() {
    let mut bank = Bank::new();
    let folder = tempfile::tempdir().unwrap();
    let projections =
        Projections::open(folder.path(), bank.port(), Options::default()).await.unwrap();
    let account = id("a-1");
    let dates = [None, Some(day("2026-03-02")), Some(day("2026-03-03"))];
    let mut said = Vec::new();
    for step in 0..10 {
        let at = bank.head().await;
        match step {
            0 => drop(record(&mut bank, opened("2026-03-02")).await),
            1 => bank.open(&account, Product::AutoLoan, "2400.00").await,
            2 => bank.open(&id("l-1"), Product::Lease, "0.00").await,
            3 => drop(record(&mut bank, opened("2026-03-03")).await),
            5 => drop(record(&mut bank, closed("2026-03-02", at)).await),
            7 => drop(record(&mut bank, opened("2026-03-04")).await),
            8 => drop(record(&mut bank, closed("2026-03-03", at)).await),
            _ => {
                let hour = if step < 7 { "2026-03-03T1" } else { "2026-03-04T1" };
                bank.now = format!("{hour}{step}:00:00Z").parse().unwrap();
                bank.command(&account, receive("100.00")).await;
            }
        }
        let head = bank.head().await;
        for through in dates {
            let ask = move |reader: &crate::Reader<'_>| reader.trial_balance(through);
            let rows = projections.read(Some(head), ask).await.unwrap().value;
            said.push((head, through, text(&rows)));
        }
    }
    assert!(said.last().unwrap().2.contains("lease"), "{said:?}");
    for (known, through, expected) in said {
        let rows = projections.trial_balance_known(through, known).await.unwrap().value;
        assert_eq!(text(&rows), expected, "{known} {through:?}");
    }
}

#[tokio::test]
async fn the_views_show_the_calendar_and_the_feed() {
    let mut bank = Bank::new();
    record(&mut bank, opened("2026-03-30")).await;
    record(&mut bank, opened("2026-04-01")).await;
    let sealed = bank.head().await;
    record(&mut bank, closed("2026-03-30", sealed)).await;
    let month = MonthClosed {
        month: "2026-03".parse().unwrap(),
        last_gl_date: day("2026-03-30"),
        position: sealed,
        days: 1,
        journals: 1,
        restatements: 0,
        products: Vec::new(),
    };
    record(&mut bank, Event::MonthClosed(month)).await;
    let refusal = BooksRefusal::DayNotOpened { gl_date: day("2026-03-31") };
    let command = "CloseDay".to_owned();
    let refused = Event::BooksRequestRefused(BooksRequestRefused { command, refusal });
    record(&mut bank, refused).await;

    let folder = tempfile::tempdir().unwrap();
    let projections =
        Projections::open(folder.path(), bank.port(), Options::default()).await.unwrap();
    projections.wait_for(bank.head().await).await.unwrap();
    let database = open_reader(&generation::file(&generation::folder(folder.path()), 1)).unwrap();
    let told = |sql: &str| -> Vec<String> {
        let mut select = database.prepare(sql).unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let days = "SELECT gl_date || ' ' || state || ' ' || coalesce(sealed_position, '') \
                FROM accounting_days ORDER BY 1";
    assert_eq!(told(days), ["2026-03-30 closed 2", "2026-04-01 open "]);
    let feed = "SELECT journal_id || ' ' || gl_account || ' ' || title || ' ' || debits || ' ' \
                || credits FROM ledger_journals ORDER BY 1";
    let expected = [
        "journal of 2026-03-30 1110 Accrued interest receivable 2.00 0.00",
        "journal of 2026-03-30 4010 Interest income 0.00 2.00",
    ];
    assert_eq!(told(feed), expected);
    let lines = "SELECT position || ' ' || line || ' ' || event_type || ' ' || product || ' ' \
                 || gl_account || ' ' || amount FROM journal WHERE account_id IS NULL ORDER BY 1";
    assert_eq!(told(lines), ["3 1 DayClosed auto 1110 2.00", "3 2 DayClosed auto 4010 -2.00"]);
    assert_eq!(told("SELECT month || ' ' || days FROM accounting_months"), ["2026-03 1"]);
    let refusals = "SELECT reason FROM refusals WHERE account_id IS NULL";
    assert_eq!(told(refusals), ["DAY_NOT_OPENED"]);
}
