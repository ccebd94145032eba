//! The measurement, run through the binary: it comes to its end and its JSON is whole. How fast
//! anything was is not a test's business.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use prost::Message as _;
use proto::google::r#type::{Date, Money};
use proto::payledger::v1 as wire;
use serde_json::Value;
use tonic::Status;
use tonic::transport::Channel;
use wire::account_service_client::AccountServiceClient;
use wire::batch_command::Command as OfBatch;
use wire::payment_service_client::PaymentServiceClient;

fn bench(arguments: &[&str], data_dir: &Path) -> std::io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_payledger"))
        .args(["bench", "--quick", "--rounds", "1", "--round-millis", "20", "--accounts", "64"])
        .args(["--payments", "70", "--events", "2000", "--rate", "100", "--output", "json"])
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .output()
}

#[test]
fn every_section_is_measured_and_the_json_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let measured = bench(&[], &folder.path().join("ledger")).unwrap();
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    let report: Value = serde_json::from_slice(&measured.stdout).unwrap();
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    let figures = report["figures"].as_array().unwrap();
    let sections: BTreeSet<_> = figures.iter().map(|it| it["section"].as_str().unwrap()).collect();
    let all = ["setup", "single", "open", "batch", "query", "cutoff", "history", "disk", "restart"];
    assert_eq!(sections, BTreeSet::from(all));
    let of = |figure: &Value, begins: &str| figure["what"].as_str().unwrap().starts_with(begins);
    let ready = figures.iter().find(|it| of(it, "ready after kill -9")).unwrap();
    let listening = figures.iter().find(|it| of(it, "listening after kill -9")).unwrap();
    assert!(ready["ours"]["min"].as_u64() >= listening["ours"]["min"].as_u64(), "{ready}");
    for figure in figures {
        let ours = &figure["ours"];
        let [min, median, max] = ["min", "median", "max"].map(|it| ours[it].as_u64().unwrap());
        assert!(min <= median && median <= max, "{figure}");
        if let Some(latency) = figure.get("latency_us") {
            assert!(latency["p50"].as_u64().unwrap() <= latency["max"].as_u64().unwrap());
        }
    }
    let beside = figures.iter().filter(|it| it.get("ceiling").is_some());
    assert!(beside.count() >= 7 + 5 + 4);
}

#[test]
fn a_section_can_be_picked() {
    let folder = tempfile::tempdir().unwrap();
    let measured = bench(&["--only", "open"], folder.path()).unwrap();
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    let report: Value = serde_json::from_slice(&measured.stdout).unwrap();
    let figures = report["figures"].as_array().unwrap();
    let sections: BTreeSet<_> = figures.iter().map(|it| it["section"].as_str().unwrap()).collect();
    assert_eq!(sections, BTreeSet::from(["setup", "open"]));
}

/// The processes that one has started.
fn children_of(id: u32) -> std::io::Result<Vec<String>> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name in parentheses may hold anything; the parent is the second field after it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        if fields.split_whitespace().nth(1) == Some(&id.to_string()) {
            children.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(children)
}

/// A measurement that has started its servers, and these.
fn under_way(folder: &Path) -> std::io::Result<(Child, Vec<String>)> {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_payledger"))
        .args(["bench", "--quick", "--only", "single", "--accounts", "64"])
        .env("TMPDIR", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let said = bench.stderr.take().map(|said| BufReader::new(said).lines());
    let begun = said.into_iter().flatten().map_while(Result::ok);
    assert!(begun.into_iter().any(|line| line.starts_with("single")), "the servers are there");
    let servers = children_of(bench.id())?;
    Ok((bench, servers))
}

/// Is there a process of that id, and not only what is left of one that has ended?
fn is_running(id: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(id).join("stat"));
    let stat = stat.unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with('Z'))
}

#[test]
fn killed_it_leaves_no_server() {
    const LOOKS_MAX: u32 = 600;
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, servers) = under_way(folder.path()).unwrap();
    bench.kill().unwrap();
    bench.wait().unwrap();
    for _ in 0..LOOKS_MAX {
        if !servers.iter().any(|id| is_running(id)) {
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let mut left = servers.clone();
    left.retain(|id| is_running(id));
    for id in &left {
        // So that a failure leaves none either. It may have ended by now.
        let _told = Command::new("kill").args(["-9", id]).status();
    }
    assert_eq!((servers.len(), left.len()), (2, 0));
}

#[test]
fn ended_by_sigterm_it_leaves_no_server_and_no_directory() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bench, servers) = under_way(folder.path()).unwrap();
    let told = Command::new("kill").arg(bench.id().to_string()).status().unwrap();
    assert!(told.success());
    let ended = bench.wait().unwrap();
    let mut left = servers.clone();
    left.retain(|id| Path::new("/proc").join(id).exists());
    for id in &left {
        // So that a failure leaves none either. It may have ended by now.
        let _told = Command::new("kill").args(["-9", id]).status();
    }
    assert_eq!((servers.len(), left.len()), (2, 0));
    assert_eq!(ended.code(), Some(1));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_that_holds_something_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("events.db");
    std::fs::write(&kept, "somebody's").unwrap();
    let refused = bench(&[], folder.path()).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not empty"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "somebody's");
}

/// A server that is ended with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by now.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// Starts a verb that serves, and connects to it.
async fn serving(arguments: &[&str]) -> Result<(Server, Channel), Box<dyn Error>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payledger"));
    let child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut server = Server(child);
    let said = server.0.stdout.take().map(|said| BufReader::new(said).lines());
    let line = said.and_then(|mut lines| lines.next()).ok_or("it does not listen")??;
    let address = line.strip_prefix("listening on ").ok_or("it says something else")?;
    let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
    Ok((server, channel))
}

/// Opens an account as the measurement does, and schedules more payments than a page shows; gives
/// where that ends.
async fn board(ledger: &Channel, account: &str) -> Result<u64, Status> {
    let dollars = |units| Some(Money { currency_code: "USD".to_owned(), units, nanos: 0 });
    let day = |month, day| Some(Date { year: 2026, month, day });
    let loan = wire::LoanTerms {
        annual_rate: "0.069".to_owned(),
        principal: dollars(25_000),
        ..Default::default()
    };
    let plan = wire::InstalmentPlan {
        amount: dollars(493),
        first_due_date: day(4, 1),
        instalment_count: 60,
        ..Default::default()
    };
    let open = wire::OpenAccountRequest {
        request_id: "00000000-0000-4000-8000-000000000000".to_owned(),
        account_id: account.to_owned(),
        product: wire::Product::AutoLoan.into(),
        opened_date: day(3, 2),
        terms: Some(wire::open_account_request::Terms::Loan(loan)),
        instalment_plan: Some(plan),
        ..Default::default()
    };
    let schedule = |number| wire::SchedulePaymentRequest {
        request_id: format!("00000000-0000-4000-8000-{number:012}"),
        account_id: account.to_owned(),
        amount: dollars(25),
        payment_date: day(3, 3),
        allow_duplicate: true,
        ..Default::default()
    };
    let schedule = |number| OfBatch::SchedulePayment(schedule(number));
    let commands = [OfBatch::OpenAccount(open.into())].into_iter().chain((1..=150).map(schedule));
    let commands = commands.map(|command| wire::BatchCommand { command: Some(command) });
    let batch = wire::ExecuteBatchRequest { commands: commands.collect() };
    let answer = PaymentServiceClient::new(ledger.clone()).execute_batch(batch).await?;
    Ok(answer.into_inner().position)
}

/// The lengths of the answers to the questions for a balance and for a page, and the page's rows.
async fn answers(channel: &Channel, account: &str) -> Result<(usize, usize, usize), Status> {
    let mut accounts = AccountServiceClient::new(channel.clone());
    let mut payments = PaymentServiceClient::new(channel.clone());
    let asked = wire::GetBalanceRequest { account_id: account.into(), ..Default::default() };
    let balance = accounts.get_balance(asked).await?.into_inner();
    let asked = wire::ListPendingPaymentsRequest::default();
    let page = payments.list_pending_payments(asked).await?.into_inner();
    Ok((balance.encoded_len(), page.encoded_len(), page.payments.len()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_echo_answers_questions_at_the_length_of_the_ledgers_answers() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().to_str().unwrap();
    let clock = ["--set-clock", "2026-03-02T10:00:00-05:00", "--log", "warn"];
    let serve = ["serve", "--no-runner", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
    let (_ledger, ledger) = serving(&[&serve[..], &clock[..]].concat()).await.unwrap();
    let (_echo, echo) = serving(&["bench", "--echo"]).await.unwrap();
    let account = "auto-00000001";
    let position = board(&ledger, account).await.unwrap();
    let mut payments = PaymentServiceClient::new(ledger.clone());
    let held = wire::ListPendingPaymentsRequest { min_position: position, ..Default::default() };
    payments.list_pending_payments(held).await.unwrap();
    let (balance, page, rows) = answers(&ledger, account).await.unwrap();
    let (echoed_balance, echoed_page, echoed_rows) = answers(&echo, account).await.unwrap();
    assert_eq!((rows, echoed_rows), (100, 100));
    // Numbers are longer or shorter by their value.
    let near = |echoed: usize, ours: usize| echoed.abs_diff(ours) <= ours / 20;
    assert!(near(echoed_balance, balance), "a balance has {balance} bytes, {echoed_balance}");
    assert!(near(echoed_page, page), "a page has {page} bytes, {echoed_page}");
}
