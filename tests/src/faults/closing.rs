//! What goes into the log for ever and is made from read models: the seal of a window, and the
//! close of a day. Neither may be made from what is damaged there.

use std::path::Path;

use proto::payledger::v1::{CloseDayRequest, OpenDayRequest, RecordedEvent};
use tonic::Status;

use super::base::{CLOCK, DAY, Standings, copy, stand};
use super::oracle::patiently;
use crate::client::Client;
use crate::process::Process;
use crate::requests::{date, request_id};

/// The day after the one that is open.
const NEXT_DAY: &str = "2026-03-05";

/// The log behind the close of the day, and what the service says then.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Closed {
    events: Vec<RecordedEvent>,
    standings: Standings,
}

impl Closed {
    /// What a directory comes to; it is left as it is.
    pub(super) async fn of(folder: &Path) -> Self {
        let place = tempfile::tempdir().unwrap();
        copy(folder, place.path());
        let process = Process::start_without_runner(place.path(), CLOCK).unwrap();
        let closed = Self::by(&Client::connect(process.address()).await).await.unwrap();
        assert!(process.stop().status.success());
        closed
    }

    /// Runs the window and closes the day; asks again for as long as the service says that this
    /// helps, since read models that are found to be wrong are built anew.
    pub(super) async fn by(client: &Client) -> Result<Self, Status> {
        let head = client.head().await?;
        client.clock("2026-03-04T15:00:06-05:00").await;
        run_window(client, DAY).await?;
        close_day(client, DAY, NEXT_DAY).await?;
        let standings = patiently(async || stand(client).await).await?;
        let skip = usize::try_from(head).unwrap();
        let events = client.replay().await?.split_off(skip);
        Ok(Self { events, standings })
    }
}

/// Runs the first window of a day; gives the place of its seal.
pub(super) async fn run_window(client: &Client, day: &str) -> Result<u64, Status> {
    let run = patiently(async || client.run(day, "15:00").await).await?;
    Ok(run.position)
}

/// Opens the next day in its morning, and closes one; gives both places.
pub(super) async fn close_day(client: &Client, day: &str, next: &str) -> Result<[u64; 2], Status> {
    let open = OpenDayRequest {
        request_id: request_id(&format!("open {next}")),
        gl_date: Some(date(next)),
    };
    client.clock(&format!("{next}T09:00:00-05:00")).await;
    let opened = client.books().open_day(open).await?.into_inner();
    // What another gateway has under way by the old day has six seconds.
    client.clock(&format!("{next}T09:00:06-05:00")).await;
    let close = CloseDayRequest {
        request_id: request_id(&format!("close {day}")),
        gl_date: Some(date(day)),
    };
    let closed = patiently(async || client.books().close_day(close.clone()).await).await?;
    Ok([opened.position, closed.into_inner().position])
}
