//! Lines on their way to stderr. Who logs leaves a line here and goes on; a thread writes what has come together. A
//! reader that is slow makes nobody wait and takes no memory beyond a bound: what finds no room is dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that wait; as many again may be on their way to the reader.
const ROOM: usize = 1 << 20;
/// After a write, so that under load the next one has many lines. The first line after silence does not wait.
const PAUSE: Duration = Duration::from_millis(10);

/// The lines; a clone leads to the same ones.
#[derive(Clone, Default)]
pub struct LogQueue(Arc<QueueParts>);

#[derive(Default)]
struct QueueParts {
    lines: Mutex<Pending>,
    /// There is something to write.
    came: Condvar,
    /// Everything is written.
    went: Condvar,
    dropped: Arc<AtomicU64>,
}

#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    /// The thread waits to be told of the next line.
    is_idle: bool,
    /// The thread has lines that are not written yet.
    is_writing: bool,
}

impl LogQueue {
    /// Starts the thread that writes to `out`.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Self::default();
        let lines = queue.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || lines.run(out))?;
        Ok(queue)
    }

    /// Takes a line, which ends with its newline, if there is room.
    pub fn push(&self, line: &[u8]) {
        let mut pending = self.lock();
        if pending.bytes.len() + line.len() > ROOM {
            self.0.dropped.fetch_add(1, Relaxed);
            return;
        }
        pending.bytes.extend_from_slice(line);
        let is_idle = std::mem::take(&mut pending.is_idle);
        drop(pending);
        if is_idle {
            self.0.came.notify_one();
        }
    }

    /// Waits until everything is written, for so long at most.
    pub fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut pending = self.lock();
        while pending.is_writing || !pending.bytes.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let woken = self.0.went.wait_timeout(pending, left);
            pending = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many lines were dropped.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.0.dropped)
    }

    fn run(&self, mut out: impl Write) {
        let mut batch = Vec::new();
        let mut told = 0;
        // Without a reader, to say so again and again would help nobody.
        let mut is_read = true;
        loop {
            self.take(&mut batch);
            let dropped = self.0.dropped.load(Relaxed);
            if is_read && dropped > told {
                // It follows the lines that have just been taken, and so do the missing ones.
                let lines = dropped - told;
                told = dropped;
                tracing::warn!(lines, "the log was not read in time; lines are missing");
            }
            is_read = out.write_all(&batch).and_then(|()| out.flush()).is_ok();
            if !is_read {
                let lines = batch.iter().filter(|byte| **byte == b'\n').count();
                self.0.dropped.fetch_add(lines as u64, Relaxed);
            }
            batch.clear();
            let mut pending = self.lock();
            pending.is_writing = false;
            let is_all = pending.bytes.is_empty();
            drop(pending);
            if is_all {
                self.0.went.notify_all();
            }
            thread::sleep(PAUSE);
        }
    }

    /// Waits for lines and takes them all.
    fn take(&self, batch: &mut Vec<u8>) {
        let mut pending = self.lock();
        while pending.bytes.is_empty() {
            pending.is_idle = true;
            let woken = self.0.came.wait(pending);
            pending = woken.unwrap_or_else(PoisonError::into_inner);
        }
        pending.is_idle = false;
        pending.is_writing = true;
        std::mem::swap(&mut pending.bytes, batch);
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        let lines = self.0.lines.lock();
        lines.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes lines of the log, each in one piece.
pub struct QueueWriter(LogQueue);

impl Write for QueueWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = QueueWriter;

    fn make_writer(&'a self) -> QueueWriter {
        QueueWriter(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// A reader that takes a piece for each time that it is told to, and an end that it keeps.
    struct Reader {
        turns: Receiver<()>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // With nobody to tell it to, it takes all.
            let _told = self.turns.recv();
            self.taken.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn queue() -> (LogQueue, Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (turn, turns) = channel();
        let taken = Arc::default();
        let reader = Reader {
            turns,
            taken: Arc::clone(&taken),
        };
        (LogQueue::start(reader).unwrap(), turn, taken)
    }

    fn text(taken: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(taken.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn lines_of_many_threads_are_all_written_whole() {
        let (queue, turn, taken) = queue();
        drop(turn);
        thread::scope(|scope| {
            for of in 0..4 {
                let queue = &queue;
                scope.spawn(move || {
                    for at in 0..1000 {
                        queue.push(format!("{of} {at}\n").as_bytes());
                    }
                });
            }
        });
        queue.flush(LONG);
        let text = text(&taken);
        for of in 0..4 {
            let prefix = format!("{of} ");
            let lines = text.lines().filter_map(|line| line.strip_prefix(&prefix));
            let numbers: Vec<usize> = lines.map(|at| at.parse().unwrap()).collect();
            assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
        }
        assert_eq!(queue.dropped().load(Relaxed), 0);
    }

    #[test]
    fn a_reader_that_stops_makes_nobody_wait_and_what_has_no_room_is_counted() {
        let (queue, turn, taken) = queue();
        queue.push(b"first\n");
        let line = [&[b'x'; 999][..], b"\n"].concat();
        // The first line is with the reader before there is no room.
        while !queue.lock().is_writing {
            thread::yield_now();
        }
        let many = ROOM / line.len() + 7;
        (0..many).for_each(|_| queue.push(&line));
        assert_eq!(queue.dropped().load(Relaxed), 7);
        let began = Instant::now();
        queue.flush(Duration::from_millis(50));
        assert!(began.elapsed() >= Duration::from_millis(50));
        assert_eq!(text(&taken), "");
        drop(turn);
        queue.flush(LONG);
        let text = text(&taken);
        assert!(text.starts_with("first\nxxx"));
        assert_eq!(text.lines().count(), 1 + many - 7);
    }

    #[test]
    fn lines_that_nobody_takes_count_as_dropped() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let queue = LogQueue::start(Gone).unwrap();
        (0..5).for_each(|_| queue.push(b"line\n"));
        queue.flush(LONG);
        assert_eq!(queue.dropped().load(Relaxed), 5);
    }
}
