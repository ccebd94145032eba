//! How answers get from the writer's thread to the callers: those of one commit together, so that
//! the callers' runtime is woken once and not once for each of them.

use std::sync::OnceLock;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::writer::Answers;

/// The answers to one request, and where they go.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) reply: oneshot::Sender<Answers>,
    pub(super) answers: Answers,
}

impl Answered {
    fn deliver(self) {
        // Nobody listens any more if the caller went away; the events stay.
        let _gone = self.reply.send(self.answers);
    }
}

/// Delivers answers from within the runtime of the first caller.
#[derive(Debug, Default)]
pub(super) struct Post {
    carrier: OnceLock<mpsc::UnboundedSender<Vec<Answered>>>,
}

impl Post {
    /// Starts the carrier in the caller's runtime, if none was started. Outside of any runtime
    /// there is none, and answers are delivered by the writer itself.
    pub(super) fn open(&self) {
        if self.carrier.get().is_some() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        self.carrier.get_or_init(|| {
            let (sender, mut commits) = mpsc::unbounded_channel::<Vec<Answered>>();
            runtime.spawn(async move {
                while let Some(commit) = commits.recv().await {
                    commit.into_iter().for_each(Answered::deliver);
                }
            });
            sender
        });
    }

    /// Delivers the answers of one commit. If the carrier has ended with its runtime, callers may
    /// wait in another, and are answered directly.
    pub(super) fn deliver(&self, commit: Vec<Answered>) {
        let undelivered = match self.carrier.get().filter(|_| commit.len() > 1) {
            Some(carrier) => carrier.send(commit).err().map(|refused| refused.0),
            None => Some(commit),
        };
        undelivered.into_iter().flatten().for_each(Answered::deliver);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: usize) -> (Vec<Answered>, Vec<oneshot::Receiver<Answers>>) {
        let pairs = (0..count).map(|_| {
            let (reply, answer) = oneshot::channel();
            (Answered { reply, answers: Vec::new() }, answer)
        });
        pairs.unzip()
    }

    #[test]
    fn answers_arrive_even_when_the_runtime_of_the_first_caller_is_gone() {
        let post = Post::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            post.open();
            let (commit, answers) = some(3);
            post.deliver(commit);
            for answer in answers {
                answer.await.unwrap();
            }
        });
        drop(runtime);
        let (commit, answers) = some(3);
        post.deliver(commit);
        assert!(answers.into_iter().all(|mut answer| answer.try_recv().is_ok()));
    }

    #[test]
    fn without_a_runtime_answers_are_delivered_directly() {
        let post = Post::default();
        post.open();
        let (commit, answers) = some(2);
        post.deliver(commit);
        assert!(answers.into_iter().all(|mut answer| answer.try_recv().is_ok()));
    }
}
