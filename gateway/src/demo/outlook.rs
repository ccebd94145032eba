//! What a visitor may try when the story is over, while the service stays up.

use super::stage::DemoError;
use super::{Demo, Part};

impl Demo<'_> {
    /// Says what was shown, and what can be tried.
    pub(super) fn look_around(&mut self, exit: bool) -> Result<(), DemoError> {
        if exit {
            return self.stage.tell("\nThe demo has kept all its promises.");
        }
        let binary = std::env::current_exe().map_err(DemoError::io("this program's file"))?;
        let (binary, address) = (binary.display(), self.server.address());
        let directory = self.launch.data_dir.display().to_string();
        let insufficient = self.cast.part(Part::Insufficient)?.account_id;
        let debit = self.cast.part(Part::Debit)?.account_id;
        self.stage.tell(&format!(
            "\nThe demo has kept all its promises. The service stays up; to try, in another terminal:\n\n  \
             export PAYLEDGER_SERVER=http://{address}\n  \
             {binary} accounts get --account {insufficient}\n  \
             {binary} payments list --account {insufficient}\n  \
             {binary} payments preview --account {insufficient} --amount 50.00 --date 2026-12-25\n  \
             {binary} titles get --account {debit}\n  \
             {binary} inspect --data-dir {directory} --account {debit}\n  \
             {binary} verify --data-dir {directory}\n  \
             grpcurl -plaintext -d '{{\"account_id\": \"{debit}\"}}' {address} \
             payledger.v1.TitleService/GetTitle\n\n\
             Ctrl-C ends it."
        ))
    }

    /// Stays until Ctrl-C, or until the service ends by itself.
    pub(super) async fn stay(mut self) -> Result<(), DemoError> {
        let interrupted = tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed.map_err(DemoError::io("Ctrl-C")),
            error = self.server.ended() => Err(error),
        };
        interrupted?;
        self.server.let_end().await
    }
}
