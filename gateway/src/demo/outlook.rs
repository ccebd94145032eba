//! What a visitor may try when the story is over, while the service stays up.

use tokio::signal::unix::{SignalKind, signal};

use super::stage::DemoError;
use super::{Demo, Part};

/// What can be said at the end, since every step has checked its answers.
const KEPT: &str = "The demo has kept all its promises.";

impl Demo<'_> {
    /// Says what was shown, and what can be tried.
    pub(super) fn look_around(&mut self, exit: bool) -> Result<(), DemoError> {
        if exit {
            return self.stage.tell(&format!("\n{KEPT}"));
        }
        let binary = std::env::current_exe().map_err(DemoError::io("this program's file"))?;
        let (binary, address) = (binary.display(), self.server.address());
        let directory = self.launch.data_dir.display().to_string();
        let insufficient = self.cast.part(Part::Insufficient)?.account_id;
        let debit = self.cast.part(Part::Debit)?.account_id;
        self.stage.tell(&format!(
            "\n{KEPT} The service stays up; to try, in another terminal:\n\n  \
             export PAYLEDGER_SERVER=http://{address}\n  \
             {binary} accounts get --account {insufficient}\n  \
             {binary} payments list --account {insufficient}\n  \
             {binary} payments preview --account {insufficient} --date 2026-12-25\n  \
             {binary} titles get --account {debit}\n  \
             {binary} inspect --data-dir {directory} --account {debit}\n  \
             {binary} verify --data-dir {directory}\n  \
             grpcurl -plaintext -d '{{\"account_id\": \"{debit}\"}}' {address} \
             payledger.v1.TitleService/GetTitle\n\n\
             Ctrl-C ends it."
        ))
    }

    /// Stays until a signal comes, or until the service ends by itself.
    pub(super) async fn stay(mut self) -> Result<(), DemoError> {
        let asked = tokio::select! {
            asked = stop_asked() => asked?,
            error = self.server.ended() => return Err(error),
        };
        match asked {
            Stop::Interrupt => self.server.let_end().await,
            Stop::Terminate => self.server.kill().await,
        }
    }
}

/// How we are asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Ctrl-C: a terminal sends it to the service as well.
    Interrupt,
    /// SIGTERM: sent to us alone.
    Terminate,
}

/// Waits until somebody asks us to stop.
pub(super) async fn stop_asked() -> Result<Stop, DemoError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(DemoError::io("SIGTERM"))?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.map_err(DemoError::io("Ctrl-C"))?,
        _ = terminate.recv() => return Ok(Stop::Terminate),
    }
    Ok(Stop::Interrupt)
}
