//! `OperationsService`: runs, read models, the books' balance, return rates, and the clock.

use ledger::causes::with_causes;
use ledger::domain::cutoff::eastern_date;
use ledger::domain::money::total;
use projections::rebuild::{Rebuild, RebuildState};
use proto::payledger::v1 as wire;
use tonic::{Request, Response, Status};
use wire::operations_service_server::OperationsService;

use super::Gateway;
use super::payments::window_key;
use crate::convert::money::to_wire;
use crate::convert::time::{date_to_wire, instant, instant_to_wire};
use crate::convert::{enums, required};
use crate::cycles::{Runs, WindowRun};
use crate::status::Failure;

#[tonic::async_trait]
impl OperationsService for Gateway {
    async fn run_cutoff(
        &self,
        request: Request<wire::RunCutoffRequest>,
    ) -> Result<Response<wire::RunCutoffResponse>, Status> {
        let key = window_key(request.get_ref())?;
        let run = self.cycles.run_window(key).await;
        let run = run.map_err(|failure| failure.about(format!("windows/{}", key.name())))?;
        let (position, replayed) = (run.position.0, run.nothing_new);
        Ok(Response::new(wire::RunCutoffResponse {
            summary: Some(summary(&run)),
            position,
            replayed,
        }))
    }

    async fn rebuild_projection(
        &self,
        _: Request<wire::RebuildProjectionRequest>,
    ) -> Result<Response<wire::RebuildProjectionResponse>, Status> {
        let (rebuild, started) = match self.reads.rebuild() {
            Ok(rebuild) => (Some(rebuild), true),
            Err(projections::error::ProjectionError::Rebuilding) => {
                let status =
                    self.reads.status().await.map_err(|error| projection_failed(&error))?;
                (status.rebuild, false)
            }
            Err(error) => return Err(projection_failed(&error)),
        };
        let rebuild = rebuild.as_ref().map(to_progress);
        Ok(Response::new(wire::RebuildProjectionResponse { rebuild, started }))
    }

    async fn get_projection_status(
        &self,
        request: Request<wire::GetProjectionStatusRequest>,
    ) -> Result<Response<wire::GetProjectionStatusResponse>, Status> {
        // Who names no position wants to see how it stands, however far it is behind.
        if request.get_ref().min_position > 0 {
            self.wait_for(request.get_ref().min_position).await?;
        }
        let status = self.reads.status().await.map_err(|error| projection_failed(&error))?;
        let lag = status.head.0.saturating_sub(status.position.0);
        let state = match (&status.failure, lag) {
            (Some(_), _) => wire::ProjectionState::Stopped,
            (None, 0) => wire::ProjectionState::Following,
            (None, _) => wire::ProjectionState::CatchingUp,
        };
        let failure = status.failure.as_ref().map(|failure| wire::ProjectionFailure {
            position: status.position.next().0,
            message: with_causes(&**failure),
        });
        Ok(Response::new(wire::GetProjectionStatusResponse {
            state: state.into(),
            live_generation: status.generation,
            fold_version: status.fold_version.to_string(),
            head_position: status.head.0,
            lag_events: lag,
            rebuild: status.rebuild.as_ref().map(to_progress),
            failure,
            read_position: status.position.0,
            read_time: Some(self.read_time()),
        }))
    }

    async fn get_log_status(
        &self,
        _: Request<wire::GetLogStatusRequest>,
    ) -> Result<Response<wire::GetLogStatusResponse>, Status> {
        let (witness, found) = (self.log.head(), self.log.findings());
        let head = self.engine.store().head().await.map_err(Failure::from)?;
        let state = match (found.damages.is_empty(), &found.whole) {
            (false, _) => wire::LogState::Damaged,
            (true, Some(_)) => wire::LogState::Whole,
            (true, None) => wire::LogState::Unchecked,
        };
        let scrub = found.under_way.map(|(position, target)| wire::ScrubProgress {
            position: position.0,
            target_position: target.0,
        });
        let damages = found.damages.into_iter().map(|(position, damage)| wire::LogDamage {
            position: position.0,
            message: damage.cause,
            found_time: Some(instant_to_wire(damage.found_at)),
        });
        let damages: Vec<_> = damages.collect();
        Ok(Response::new(wire::GetLogStatusResponse {
            state: state.into(),
            log_id: witness.as_ref().map_or_else(String::new, |head| head.log_id.to_string()),
            head_position: witness.as_ref().map_or(head, |head| head.position).0,
            chain: witness.map_or_else(String::new, |head| head.chain.to_string()),
            scrub,
            whole_position: found.whole.map_or(0, |(position, _)| position.0),
            whole_time: found.whole.map(|(_, ended)| instant_to_wire(ended)),
            damage: damages.first().cloned(),
            damages,
            damage_count: found.damage_count,
            read_time: Some(self.read_time()),
        }))
    }

    async fn get_trial_balance(
        &self,
        request: Request<wire::GetTrialBalanceRequest>,
    ) -> Result<Response<wire::GetTrialBalanceResponse>, Status> {
        self.trial_balance(request.into_inner()).await.map(Response::new)
    }

    async fn get_return_rates(
        &self,
        request: Request<wire::GetReturnRatesRequest>,
    ) -> Result<Response<wire::GetReturnRatesResponse>, Status> {
        self.return_rates(request.into_inner()).await.map(Response::new)
    }

    async fn get_clock(
        &self,
        _: Request<wire::GetClockRequest>,
    ) -> Result<Response<wire::GetClockResponse>, Status> {
        let now = self.engine.clock().now();
        Ok(Response::new(wire::GetClockResponse {
            now_time: Some(instant_to_wire(now)),
            today_date: Some(date_to_wire(eastern_date(now))),
            settable: self.engine.clock().is_settable(),
        }))
    }

    async fn set_clock(
        &self,
        request: Request<wire::SetClockRequest>,
    ) -> Result<Response<wire::SetClockResponse>, Status> {
        let wanted = required("now_time", request.get_ref().now_time.as_ref())?;
        let wanted = instant("now_time", wanted)?;
        let moved = tokio::select! {
            moved = self.cycles.move_clock(wanted) => moved,
            () = self.shutdown.asked() => Err(Failure::shutting_down(None)),
        };
        let (now, runs) = moved?;
        let runs = match runs {
            Runs::Done => wire::RunsState::Done,
            Runs::OnHold => wire::RunsState::OnHold,
            Runs::Elsewhere => wire::RunsState::Elsewhere,
            Runs::ByHand => wire::RunsState::ByHand,
        };
        Ok(Response::new(wire::SetClockResponse {
            now_time: Some(instant_to_wire(now)),
            runs: runs.into(),
        }))
    }

    async fn get_recovery(
        &self,
        request: Request<wire::GetRecoveryRequest>,
    ) -> Result<Response<wire::GetRecoveryResponse>, Status> {
        self.recovery(request.get_ref()).await.map(Response::new)
    }

    async fn approve_origination(
        &self,
        request: Request<wire::ApproveOriginationRequest>,
    ) -> Result<Response<wire::ApproveOriginationResponse>, Status> {
        self.approve(&request).await.map(Response::new)
    }
}

/// The window as all its seals tell it.
fn summary(run: &WindowRun) -> wire::CutoffSummary {
    let seals = &run.seals;
    let count = |of: fn(&ledger::cycles::cutoff::WindowSealed) -> u64| {
        let count = seals.iter().map(of).fold(0, u64::saturating_add);
        i64::try_from(count).unwrap_or(i64::MAX)
    };
    wire::CutoffSummary {
        product: enums::product_to_wire(run.key.product).into(),
        date: Some(date_to_wire(run.key.date)),
        window: run.key.window.to_string(),
        cutoff_time: Some(instant_to_wire(run.key.cutoff_at())),
        supplements: i32::try_from(seals.len().saturating_sub(1)).unwrap_or(i32::MAX),
        applied_count: count(|seal| seal.applied_count),
        applied_amount: Some(to_wire(total(seals.iter().map(|seal| seal.applied_total)))),
        cancelled_count: count(|seal| seal.cancelled_count),
        cancelled_amount: Some(to_wire(total(seals.iter().map(|seal| seal.cancelled_total)))),
        root: seals.last().map(|seal| seal.root.clone()).unwrap_or_default(),
    }
}

fn to_progress(rebuild: &Rebuild) -> wire::RebuildProgress {
    let progress = rebuild.progress();
    let state = match progress.state {
        RebuildState::Running => wire::RebuildState::Running,
        RebuildState::Done => wire::RebuildState::Done,
        RebuildState::Failed => wire::RebuildState::Failed,
    };
    wire::RebuildProgress {
        generation: progress.generation,
        position: progress.position.0,
        target_position: progress.head.0,
        state: state.into(),
        message: rebuild.failure().map(|error| with_causes(&*error)).unwrap_or_default(),
    }
}

fn projection_failed(error: &projections::error::ProjectionError) -> Status {
    tracing::error!(error = with_causes(error), "the read models failed");
    Failure::store_unavailable().into()
}
