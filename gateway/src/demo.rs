//! `payledger demo`: the real service on a fresh directory, played through a month over gRPC,
//! killed in the middle, and proved at the end.

mod boarding;
mod books;
mod channels;
mod client;
mod closes;
mod cutoffs;
mod killing;
mod outlook;
mod payoffs;
mod portfolio;
mod retries;
mod returns;
mod server;
mod show;
mod stage;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use proto::payledger::v1 as wire;

use crate::convert::time::{date_to_wire, instant_to_wire};
use client::{Client, from_demo};
use portfolio::Boarded;
use server::{Launch, Server};
use stage::{Stage, present};

pub use stage::DemoError;

/// When the story begins, in New York.
const BEGINNING: &str = "2026-10-30T08:00:00";

/// Starts the service on a fresh directory and plays a month on it: cut-offs, refusals, retries,
/// returns, payoffs, a crash, and the proof of the books.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// Ends after the story instead of leaving the service up.
    #[arg(long)]
    pub exit: bool,
    /// Where the ledger is kept; empty, or not there yet. Default: a temporary directory that is
    /// removed at the end.
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// The port that the service listens on, at 127.0.0.1. Default: any free port.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
}

/// The story's state: the service, how to reach it, and what time it is there.
struct Demo<'a> {
    stage: Stage<'a>,
    launch: Launch,
    server: Server,
    client: Client,
    now: DateTime<Utc>,
    cast: Cast,
}

/// The accounts of the portfolio.
#[derive(Debug)]
struct Cast {
    all: Vec<Boarded>,
    /// Those that have a part of their own: auto loans that are not past due.
    parts: Vec<Boarded>,
}

/// The parts, by their places in the cast. What is told of one does not disturb another.
#[derive(Debug, Clone, Copy)]
enum Part {
    Early,
    Cancelled,
    LastMoment,
    OnTheHour,
    AfterHours,
    Saturday,
    ClockChange,
    Holiday,
    Insufficient,
    Unauthorised,
    Mail,
    BillPay,
    MoneyGram,
    Wire,
    Debit,
    Bounced,
}

/// How often, and how many times at most, we look whether a rebuild is done.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOKS_MAX: u32 = 4000;
/// How many parts there are.
const PARTS: usize = 16;

/// Tells the story on `out`. Without `--exit` it stays until Ctrl-C.
///
/// The first answer of the service that is not what the story promises is the error.
pub fn run(args: &DemoArgs, out: &mut dyn Write) -> Result<(), DemoError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(DemoError::io("the runtime"))?.block_on(tell(args, out))
}

async fn tell(args: &DemoArgs, out: &mut dyn Write) -> Result<(), DemoError> {
    let temporary = match args.data_dir {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(DemoError::io("a temporary directory"))?),
    };
    let chosen = args.data_dir.clone().or_else(|| temporary.as_ref().map(|t| t.path().into()));
    let data_dir = present("a data directory", chosen)?;
    refuse_used(&data_dir)?;

    let now = show::eastern(BEGINNING)?;
    let launch = Launch { data_dir, port: args.port };
    let server = launch.start(now).await?;
    let client = Client::connect(server.address()).await?;
    let cast = Cast::of(portfolio::accounts(show::day(boarding::DAY)?)?)?;
    let mut demo = Demo { stage: Stage::new(out), launch, server, client, now, cast };
    let played = tokio::select! {
        played = demo.play() => played,
        asked = outlook::stop_asked() => asked.and(Err(DemoError::Interrupted)),
    };
    if let Err(error) = played {
        // The service ends with the story, before its directory is removed. It may have ended by
        // itself, which `error` is about.
        let _ended = demo.server.kill().await;
        return Err(error);
    }
    demo.look_around(args.exit)?;
    if args.exit { demo.server.kill().await } else { demo.stay().await }
}

/// The demo never adds to a ledger that somebody may need.
fn refuse_used(data_dir: &Path) -> Result<(), DemoError> {
    let shown = data_dir.display().to_string();
    match std::fs::read_dir(data_dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(DemoError::Server(format!("{shown} is not empty: choose another one"))),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(DemoError::io(shown)(error)),
    }
}

impl Cast {
    /// Gives the parts to the first auto loans of the file that fit them.
    fn of(all: Vec<Boarded>) -> Result<Self, DemoError> {
        let fits = |account: &&Boarded| {
            account.product == wire::Product::AutoLoan
                && account.days_past_due == 0
                && account.instalments >= 12
        };
        let parts: Vec<_> = all.iter().filter(fits).take(PARTS).cloned().collect();
        if parts.len() < PARTS {
            return Err(DemoError::Portfolio("too few loans are not past due".to_owned()));
        }
        Ok(Self { all, parts })
    }

    fn part(&self, part: Part) -> Result<Boarded, DemoError> {
        let place = usize::from(part.place());
        present("a part of the cast", self.parts.get(place).cloned())
    }

    /// The accounts without a part.
    fn others(&self) -> impl Iterator<Item = &Boarded> {
        let has_part = |account: &&Boarded| {
            !self.parts.iter().any(|part| part.account_id == account.account_id)
        };
        self.all.iter().filter(has_part)
    }
}

impl Part {
    const fn place(self) -> u8 {
        match self {
            Self::Early => 0,
            Self::Cancelled => 1,
            Self::LastMoment => 2,
            Self::OnTheHour => 3,
            Self::AfterHours => 4,
            Self::Saturday => 5,
            Self::ClockChange => 6,
            Self::Holiday => 7,
            Self::Insufficient => 8,
            Self::Unauthorised => 9,
            Self::Mail => 10,
            Self::BillPay => 11,
            Self::MoneyGram => 12,
            Self::Wire => 13,
            Self::Debit => 14,
            Self::Bounced => 15,
        }
    }
}

impl Demo<'_> {
    /// The month, in its order.
    async fn play(&mut self) -> Result<(), DemoError> {
        self.board().await?;
        let first_answer = self.meet_cutoffs().await?;
        self.retry(&first_answer).await?;
        self.kill_in_the_middle().await?;
        self.return_insufficient().await?;
        self.receive_money().await?;
        self.pay_off().await?;
        self.return_unauthorised().await?;
        self.lose_a_payoff().await?;
        self.prove_the_books().await
    }

    /// Goes on to a local time of New York; the service runs what falls due on the way.
    async fn at(&mut self, local: &str) -> Result<(), DemoError> {
        self.set_clock(show::eastern(local)?).await
    }

    async fn set_clock(&mut self, now: DateTime<Utc>) -> Result<(), DemoError> {
        let request = wire::SetClockRequest { now_time: Some(instant_to_wire(now)) };
        let answer = self.client.operations.set_clock(from_demo(request)).await;
        answer.map_err(DemoError::call(format!("setting the clock to {now}")))?;
        self.now = now;
        Ok(())
    }

    /// What became of a window. Whoever asks first runs it, the service's own runner or we: the
    /// seal is the same.
    async fn window(&mut self, date: &str, window: &str) -> Result<wire::CutoffSummary, DemoError> {
        let request = wire::RunCutoffRequest {
            product: wire::Product::AutoLoan.into(),
            date: Some(date_to_wire(show::day(date)?)),
            window: window.to_owned(),
        };
        let answer = self.client.operations.run_cutoff(from_demo(request)).await;
        let answer = answer.map_err(DemoError::call(format!("the run of {date} {window}")))?;
        present("the window's summary", answer.into_inner().summary)
    }

    /// What an account owes as of a date, all that is in the log counted.
    async fn balance(
        &mut self,
        account: &str,
        on: NaiveDate,
    ) -> Result<wire::GetBalanceResponse, DemoError> {
        let request = wire::GetBalanceRequest {
            account_id: account.to_owned(),
            effective_date: Some(date_to_wire(on)),
            ..wire::GetBalanceRequest::default()
        };
        let answer = self.client.accounts.get_balance(from_demo(request)).await;
        answer.map(tonic::Response::into_inner).map_err(DemoError::call("the balance"))
    }

    /// Schedules a payment; the name makes the request's id.
    async fn schedule(
        &mut self,
        name: &str,
        account: &Boarded,
        amount: &proto::google::r#type::Money,
        date: &str,
    ) -> Result<wire::SchedulePaymentResponse, tonic::Status> {
        let date =
            show::wire_day(date).map_err(|error| tonic::Status::internal(error.to_string()))?;
        let request = wire::SchedulePaymentRequest {
            request_id: show::request_id(name),
            account_id: account.account_id.clone(),
            amount: Some(amount.clone()),
            payment_date: Some(date),
            ..wire::SchedulePaymentRequest::default()
        };
        let answer = self.client.payments.schedule_payment(from_demo(request)).await;
        answer.map(tonic::Response::into_inner)
    }

    /// A payment as it stands.
    async fn payment(&mut self, payment: &wire::Payment) -> Result<wire::Payment, DemoError> {
        let request = wire::GetPaymentRequest {
            account_id: payment.account_id.clone(),
            payment_id: payment.payment_id.clone(),
            min_position: 0,
        };
        let answer = self.client.payments.get_payment(from_demo(request)).await;
        let answer = answer.map_err(DemoError::call("the payment"))?;
        present("the payment", answer.into_inner().payment)
    }
}
