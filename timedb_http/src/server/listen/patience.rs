//! How long to wait for a silent connection: a client may keep one for its next request, but the head of that request
//! has to arrive within its own time, which begins with the first byte. While a request is being answered, nothing is
//! timed.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use futures_util::task::AtomicWaker;
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep};

/// How long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For the first byte of a request.
    pub idle: Duration,
    /// From there to the end of its head.
    pub head: Duration,
}

/// What a client has not done in time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Begun a request.
    Idle,
    /// Sent the rest of a head.
    HalfHead,
}

/// The clock of one connection.
pub(super) struct Patience {
    limits: Limits,
    work: Work,
    /// When the connection was made, or took the last bytes of an answer.
    quiet_since: Instant,
    head_began: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(super) fn new(limits: Limits, work: Work) -> Self {
        Self {
            limits,
            work,
            quiet_since: Instant::now(),
            head_began: None,
            alarm: None,
        }
    }

    /// Takes note that the client has taken bytes of an answer.
    pub(super) fn answered(&mut self) {
        self.quiet_since = Instant::now();
    }

    /// Takes note of whether there is a part of a head.
    pub(super) fn head(&mut self, is_begun: bool) {
        self.head_began = match self.head_began {
            _ if !is_begun => None,
            None => Some(Instant::now()),
            began => began,
        };
    }

    /// Is ready when the client has had its time; wakes the task then, and when that begins.
    pub(super) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<Silence> {
        self.work.0.reader.register(context.waker());
        if self.work.0.under_way.load(Ordering::Acquire) > 0 {
            return Poll::Pending;
        }
        let (deadline, silence) = match self.head_began {
            // A head after another request is not read while that is being answered.
            Some(began) => (
                began.max(self.quiet_since) + self.limits.head,
                Silence::HalfHead,
            ),
            None => (self.quiet_since + self.limits.idle, Silence::Idle),
        };
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        ready!(alarm.as_mut().poll(context));
        Poll::Ready(silence)
    }
}

/// The requests of a connection that are being answered.
#[derive(Clone, Default)]
pub(super) struct Work(Arc<WorkParts>);

#[derive(Default)]
struct WorkParts {
    under_way: AtomicUsize,
    /// Who waits for the next request.
    reader: AtomicWaker,
}

impl Work {
    /// One more, until the value is dropped.
    pub(super) fn begin(&self) -> Job {
        self.0.under_way.fetch_add(1, Ordering::AcqRel);
        Job(self.clone())
    }
}

/// A request that is being answered.
pub(super) struct Job(Work);

impl Job {
    /// The body of the answer, to whose end the request goes on.
    pub(super) fn until_the_end_of(
        self,
        body: Body,
    ) -> impl HttpBody<Data = Bytes, Error = axum::Error> {
        // The body goes through as it is; what looks at its errors holds the job, and is dropped with it.
        body.map_err(move |error| {
            let _held = &self;
            error
        })
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let Work(parts) = &self.0;
        parts.under_way.fetch_sub(1, Ordering::AcqRel);
        parts.reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const LIMITS: Limits = Limits {
        idle: Duration::from_secs(75),
        head: Duration::from_secs(10),
    };

    /// How it ends, and after how many seconds.
    async fn over(patience: &mut Patience) -> (Silence, u64) {
        let began = Instant::now();
        let silence = poll_fn(|context| patience.poll_over(context)).await;
        (silence, began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_has_longer_than_one_within_a_head() {
        let mut patience = Patience::new(LIMITS, Work::default());
        assert_eq!(over(&mut patience).await, (Silence::Idle, 75));
        patience.head(true);
        tokio::time::advance(Duration::from_secs(4)).await;
        // Further bytes give no more time.
        patience.head(true);
        assert_eq!(over(&mut patience).await, (Silence::HalfHead, 6));
        patience.head(false);
        patience.answered();
        assert_eq!(over(&mut patience).await, (Silence::Idle, 75));
    }

    #[tokio::test(start_paused = true)]
    async fn time_begins_when_the_answer_has_ended() {
        let work = Work::default();
        let mut patience = Patience::new(LIMITS, work.clone());
        let answer = work.begin().until_the_end_of(Body::from("x"));
        let taker = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(500)).await;
            drop(answer);
        });
        let early = tokio::time::timeout(Duration::from_secs(499), over(&mut patience)).await;
        assert!(early.is_err());
        taker.await.unwrap();
        patience.answered();
        assert_eq!(over(&mut patience).await, (Silence::Idle, 75));
    }
}
