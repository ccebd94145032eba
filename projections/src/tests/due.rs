//! What is due and past due in the views is what the accounts' own folds say as of that day, though
//! nothing was recorded of the account since.

use std::path::PathBuf;

use chrono::NaiveDate;
use ledger::domain::account::commands::{Command, GrantExtension, ReceivePayment};
use ledger::domain::account::events::{ChargeOffReason, ExtensionKind};
use ledger::domain::account::state::{Account, OpenAccount};
use ledger::domain::account::terms::Terms;
use ledger::domain::journal::LedgerAccount;
use ledger::domain::money::Money;
use ledger::domain::product::{Channel, Product};
use tempfile::TempDir;

use super::kit::{Bank, Dice, day, id, money};
use super::open::opened;
use crate::database::open_reader;
use crate::{Projections, generation};

/// A bank that posts something each day that is asked about, and its views.
struct Daily {
    bank: Bank,
    projections: Projections,
    file: PathBuf,
    _folder: TempDir,
}

impl Daily {
    async fn new() -> Self {
        let mut bank = Bank::new();
        bank.open(&id("pulse"), Product::PersonalLoan, "2400.00").await;
        let folder = tempfile::tempdir().unwrap();
        let projections = opened(&bank, &folder).await;
        let file = generation::file(&generation::folder(folder.path()), 1);
        Self { bank, projections, file, _folder: folder }
    }

    /// Opens an account on the first day, on terms of the kit that `change` makes others.
    async fn open(&mut self, name: &str, product: Product, change: impl FnOnce(&mut Terms)) {
        let model = id(&format!("like-{name}"));
        self.bank.open(&model, product, "1500.00").await;
        let mut terms = self.account(&format!("like-{name}")).terms().clone();
        terms.unpaid_fees = Money::ZERO;
        change(&mut terms);
        self.bank.command(&id(name), Command::OpenAccount { terms, lien: None }).await;
    }

    fn account(&self, name: &str) -> &OpenAccount {
        let Account::Open(open) = &self.bank.accounts[&id(name)] else { panic!("{name}") };
        open
    }

    async fn pay(&mut self, name: &str, cents: i64, today: NaiveDate) {
        let paid = Command::ReceivePayment(ReceivePayment {
            channel: Channel::Wire,
            amount: Money::from_cents(cents).amount().unwrap(),
            received_date: today,
            reference: None,
            third_party_fee: None,
            guaranteed_funds: false,
            paid_by_dealer: false,
            allow_duplicate: true,
            payoff_quote: None,
            preview: None,
        });
        self.bank.command(&id(name), paid).await;
    }

    fn begin(&mut self, today: NaiveDate) {
        self.bank.now = today.and_hms_opt(15, 0, 0).unwrap().and_utc();
    }

    /// The rows of a query as of today, columns joined by a space.
    async fn ask(&mut self, today: NaiveDate, sql: &str) -> Vec<String> {
        self.pay("pulse", 1, today).await;
        self.projections.wait_for(self.bank.head().await).await.unwrap();
        let database = open_reader(&self.file).unwrap();
        let mut select = database.prepare(sql).unwrap();
        let width = select.column_count();
        let rows = select.query_map([], |row| {
            let columns = (0..width).map(|column| row.get::<_, String>(column));
            Ok(columns.collect::<Result<Vec<_>, _>>()?.join(" "))
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }
}

fn lease(amount: &str, first_due: &str, count: u32) -> impl FnOnce(&mut Terms) {
    let (amount, first_due) = (amount.parse().unwrap(), day(first_due));
    move |terms| {
        terms.instalments.amount = amount;
        terms.instalments.first_amount_due = None;
        terms.instalments.first_due_date = first_due;
        terms.instalments.day_of_month = chrono::Datelike::day(&first_due);
        terms.instalments.count = count;
    }
}

#[tokio::test]
async fn rentals_of_a_lease_fall_due_though_nothing_happens_to_it() {
    let mut daily = Daily::new().await;
    let never_paid = lease("400.00", "2026-03-05", 36);
    daily
        .open("lease", Product::Lease, |terms| {
            never_paid(terms);
            (terms.instalments.tax, terms.purchase_option) = (Money::ZERO, None);
        })
        .await;
    for (today, due, past_due) in [
        ("2026-03-04", "0.00", "0.00"),
        ("2026-03-05", "400.00", "0.00"),
        ("2026-03-06", "400.00", "400.00"),
        ("2026-07-05", "2000.00", "1600.00"),
        ("2026-07-11", "2000.00", "2000.00"),
    ] {
        let today = day(today);
        daily.begin(today);
        let found = "SELECT as_of_date, rentals_due, past_due, rentals_receivable, \
                     accrued_through_date FROM balances WHERE account_id = 'lease'";
        let found = daily.ask(today, found).await;
        assert_eq!(found, [format!("{today} {due} {past_due} 0.00 2026-03-02")]);
        let standing = daily.account("lease").standing(today);
        let (due, past_due) = (money(due), money(past_due));
        assert_eq!((standing.rentals_due, standing.past_due), (due, past_due), "{today}");
    }
    let found = "SELECT as_of_date, rentals_receivable, past_due FROM delinquency \
                 WHERE product = 'lease' AND bucket = '120+' AND accounts = 1 + 1";
    // With the one that it was made like: 110.00 and three of 310.00.
    assert_eq!(daily.ask(day("2026-07-11"), found).await, ["2026-07-11 3040.00 3040.00"]);
}

/// Something that moves what is due, or nothing.
fn something(dice: &mut Dice, is_lease: bool, effective_date: NaiveDate) -> Option<Command> {
    match dice.roll(90) {
        0 | 1 => Some(Command::GrantExtension(GrantExtension {
            kind: ExtensionKind::Extension,
            months: 1,
            effective_date,
            allow_over_limit: true,
            preview: None,
        })),
        2..5 => {
            let day_of_month = u32::try_from(dice.roll(31).max(1)).unwrap();
            Some(Command::ChangeDueDate { day_of_month, effective_date, preview: None })
        }
        5 if dice.roll(16) == 0 => {
            let reason = ChargeOffReason::Delinquency;
            Some(Command::ChargeOff { principal: None, reason, effective_date, preview: None })
        }
        6 if !is_lease => {
            let (principal, reason) = ("40.00".parse().ok(), ChargeOffReason::Other);
            Some(Command::ChargeOff { principal, reason, effective_date, preview: None })
        }
        7 if is_lease && dice.roll(4) == 0 => {
            Some(Command::ReturnVehicle { effective_date, charges: Vec::new(), preview: None })
        }
        8..16 => Some(Command::AgeAccount),
        _ => None,
    }
}

#[tokio::test]
async fn what_is_due_is_what_the_accounts_say_day_by_day() {
    let mut daily = Daily::new().await;
    let firsts = ["2026-03-05", "2026-03-31", "2026-04-15", "2026-03-30", "2026-03-02"];
    for (first_due, number) in firsts.into_iter().zip(0..) {
        let name = format!("lease-{number}");
        daily.open(&name, Product::Lease, lease("310.00", first_due, 9)).await;
        let name = format!("loan-{number}");
        daily.open(&name, Product::AutoLoan, lease("260.00", first_due, 6)).await;
    }
    let names: Vec<_> = daily.bank.accounts.keys().cloned().collect();
    let mut dice = Dice::new(7);
    let (mut due, mut late, mut equal, mut compared) = (0, 0, 0, 0);
    for today in day("2026-03-02").iter_days().take(480) {
        daily.begin(today);
        for name in &names {
            let product = daily.account(name.as_str()).terms().product;
            if let Some(command) = something(&mut dice, product == Product::Lease, today) {
                daily.bank.command(name, command).await;
            } else if dice.roll(40) == 0 {
                let cents = i64::try_from(1 + dice.roll(40_000)).unwrap();
                daily.pay(name.as_str(), cents, today).await;
            }
        }
        let sql = "SELECT account_id, as_of_date, rentals_due, past_due FROM balances";
        for row in daily.ask(today, sql).await {
            let mut columns = row.split(' ');
            let name = columns.next().unwrap();
            assert_eq!(columns.next().unwrap(), today.to_string());
            let [rentals_due, past_due] = [(); 2].map(|()| money(columns.next().unwrap()));
            let open = daily.account(name);
            let standing = open.standing(today);
            assert_eq!(rentals_due, standing.rentals_due, "{name} {today}");
            // Interest that the account has not posted is owed after the last due date, too.
            let posted = open.book.ledger_balance(LedgerAccount::AccruedInterest);
            let (missing, unposted) =
                (standing.past_due - past_due, standing.interest_due - posted);
            assert!(!missing.is_negative() && missing <= unposted, "{name} {today} {missing}");
            due += usize::from(rentals_due.is_positive());
            late += usize::from(past_due.is_positive());
            equal += usize::from(missing.is_zero());
            compared += 1;
        }
    }
    assert!(due > 500 && late > 1000, "{due} {late}");
    assert!(equal * 10 > compared * 9, "{equal} of {compared}");
    for kind in [
        "ExtensionGranted",
        "DueDateChanged",
        "VehicleReturned",
        "AccountChargedOff",
        "NonAccrualStarted",
    ] {
        assert!(daily.bank.recorded.contains(kind), "{kind}");
    }
}
