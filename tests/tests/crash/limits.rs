//! A service that meets the limits of what is around it: it goes on, and says so.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use proto::payledger::v1::Channel;
use tests::client::Client;
use tests::process::{Process, binary};
use tests::requests::auto_loan;

const CLOCK: &str = "2026-03-03T09:00:00-05:00";

/// What takes longer hangs.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// How many file handles a service may have that is to run out of them.
const HANDLES: usize = 64;

/// How many commands have more to say in the log than a pipe holds.
const COMMANDS: usize = 1000;

/// A certificate that signed itself, and its key: of nobody, and trusted by nobody.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBlzCCAT6gAwIBAgIUaRPIJ2By1jR99DOL/R9casSvjuowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTE1MTQwNFoYDzIxMjYxMTA1
MTUxNDA0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASvxgnu8dSjhvMbZu8ucfFLnvjsMzisqpEyLf7o0ZvKmztEFbww0FQt
gunmSNxkFgI+7eQTyAappgGKatFkSCDBo2wwajAdBgNVHQ4EFgQUP4+eedNjD4dh
uAbMMMX/Bpmlm8IwHwYDVR0jBBgwFoAUP4+eedNjD4dhuAbMMMX/Bpmlm8IwDAYD
VR0TAQH/BAIwADAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZIzj0E
AwIDRwAwRAIgT726Zs0ua6YNu7Or2v9ratlau2MtfHJw9hBd2f4IINgCIBTRPhlf
M2jaLcjgsa+j4/6T2+1GfhWwUk0Lvaq/UIIR
-----END CERTIFICATE-----
";
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYVQOnDLSFpvKk5Uz
RjUtPDgX1fJo+bFW+vXKfaZLXlahRANCAASvxgnu8dSjhvMbZu8ucfFLnvjsMzis
qpEyLf7o0ZvKmztEFbww0FQtgunmSNxkFgI+7eQTyAappgGKatFkSCDB
-----END PRIVATE KEY-----
";

#[tokio::test]
async fn calls_and_a_stop_are_heard_though_the_reader_of_the_log_has_stopped_reading() {
    let folder = tempfile::tempdir().unwrap();
    // A line a command, into a pipe that is read only once the process has ended.
    let (binary, talkative) = (Command::new(binary()), ["--log", "info"]);
    let process = Process::start_with(binary, folder.path(), CLOCK, &talkative).unwrap();
    let client = Client::connect(process.address()).await;
    client.open(auto_loan("a-1")).await.unwrap();
    // A pipe holds 64 KiB, and a line names an account of forty letters and more.
    let nobody = "nobody-".repeat(6);
    for number in 0..COMMANDS {
        let request = format!("{number}");
        client.receive(&request, &nobody, Channel::Wire, "5.00", "2026-03-03").await.unwrap_err();
    }
    let ended = process.stop_unheard(HANGS_AFTER);
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.status);
    let told = ended.said.matches("not carried out").count();
    assert!((1..COMMANDS).contains(&told), "the pipe was never full: {told}");
}

#[tokio::test]
async fn file_handles_that_are_used_up_are_told_and_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut limited = Command::new("sh");
    let limit = format!("ulimit -n {HANDLES}; exec \"$0\" \"$@\"");
    limited.args(["-c", &limit]).arg(binary());
    let process = Process::start_as(limited, folder.path(), CLOCK).unwrap();
    let idle: Vec<_> = (0..80).map(|_| TcpStream::connect(process.address()).unwrap()).collect();
    let waiting = tokio::spawn(Client::connect(process.address()));
    // The client waits behind those for which there is no handle left.
    let handles = format!("/proc/{}/fd", process.id());
    while std::fs::read_dir(&handles).unwrap().count() < HANDLES {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(idle);
    waiting.await.unwrap().open(auto_loan("a-1")).await.unwrap();
    let ended = process.stop();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.status);
    assert_eq!(ended.said.matches("LimitNOFILE").count(), 1, "{}", ended.said);
}

#[test]
fn handshakes_that_fail_are_told_once_for_many() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["server.pem", "server.key"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, CERTIFICATE).unwrap();
    std::fs::write(&key, KEY).unwrap();
    let files = [certificate.to_str().unwrap(), key.to_str().unwrap()];
    let tls = ["--tls-cert", files[0], "--tls-key", files[1]];
    let data_dir = folder.path().join("data");
    let process = Process::start_with(Command::new(binary()), &data_dir, CLOCK, &tls).unwrap();
    for _ in 0..10 {
        let mut plain = TcpStream::connect(process.address()).unwrap();
        plain.write_all(b"no handshake of anybody\n").unwrap();
        // The server may say what is wrong with it, and ends it.
        let _closed = plain.read_to_end(&mut Vec::new());
    }
    let ended = process.stop();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.status);
    assert_eq!(ended.said.matches("a TLS handshake failed").count(), 1, "{}", ended.said);
    assert!(ended.said.contains("cause="), "{}", ended.said);
}
