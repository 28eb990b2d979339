use std::{
    collections::HashMap,
    future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};

use super::{FailureCause, FailureObserver, MailJob, MailQueue, QueueConfig, QueueFull};
use crate::{Email, Mailer, MailerError, MemoryTransport};

const SECOND: Duration = Duration::from_secs(1);

fn email(to: &str) -> Email {
    let email = Email::builder().from("a@b.example").to(to).subject("Hi");
    email.text_body("https://b.example?token=s3cret").build().unwrap()
}

fn job(to: &str) -> MailJob {
    let mail = email(to);
    MailJob::new("test", to, || async { Ok(mail) })
}

fn in_order() -> QueueConfig {
    QueueConfig { concurrency: 1, first_retry: SECOND, ..QueueConfig::default() }
}

/// What an observer was told: recipient, attempts, cause.
type Told = Arc<Mutex<Vec<(String, u32, String)>>>;

fn observer() -> (FailureObserver, Told) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&told);
    let observer: FailureObserver = Arc::new(move |failure| {
        assert!(!format!("{failure:?} {failure}").contains("s3cret"));
        let entry = (failure.recipient.clone(), failure.attempts, failure.cause.to_string());
        list.lock().unwrap().push(entry);
    });
    (observer, told)
}

/// Fails for a recipient as often as the script says, and notes when it was asked for whom.
#[derive(Default)]
struct Scripted {
    failures: Mutex<HashMap<String, u32>>,
    asked: Mutex<Vec<(String, Instant)>>,
    ids: Mutex<Vec<Option<String>>>,
}

impl Scripted {
    fn new(failures: &[(&str, u32)]) -> Arc<Self> {
        let failures = failures.iter().map(|(to, times)| ((*to).to_owned(), *times)).collect();
        Arc::new(Self { failures: Mutex::new(failures), ..Self::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(to, _)| to.clone()).collect()
    }

    /// Seconds from the start to each attempt.
    fn seconds(&self, start: Instant) -> Vec<u64> {
        self.asked.lock().unwrap().iter().map(|(_, at)| (*at - start).as_secs()).collect()
    }
}

#[async_trait]
impl Mailer for Scripted {
    async fn send_email(&self, email: Email) -> Result<(), MailerError> {
        let to = email.to[0].clone();
        self.asked.lock().unwrap().push((to.clone(), Instant::now()));
        self.ids.lock().unwrap().push(email.headers.get("Message-ID").cloned());
        match self.failures.lock().unwrap().get_mut(&to) {
            Some(0) | None => Ok(()),
            Some(left) => {
                *left -= 1;
                Err(MailerError::Io(std::io::Error::other("not now")))
            }
        }
    }
}

/// Sends only when the test lets it.
struct Gate {
    permits: Arc<Semaphore>,
    sent: AtomicUsize,
}

impl Gate {
    fn closed() -> (Arc<Self>, Arc<Semaphore>) {
        let permits = Arc::new(Semaphore::new(0));
        let gate = Self { permits: Arc::clone(&permits), sent: AtomicUsize::new(0) };
        (Arc::new(gate), permits)
    }
}

#[async_trait]
impl Mailer for Gate {
    async fn send_email(&self, _email: Email) -> Result<(), MailerError> {
        self.permits.acquire().await.unwrap().forget();
        self.sent.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn mails_are_sent_in_order_and_flush_waits_for_them() {
    let memory = MemoryTransport::new();
    let queue = MailQueue::new(Arc::new(memory.clone()), in_order());
    queue.flush().await;
    let recipients: Vec<_> = (0..50).map(|n| format!("u{n}@b.example")).collect();
    for to in &recipients {
        queue.enqueue(job(to)).unwrap();
    }
    assert!(memory.is_empty(), "nothing is sent within the call");
    queue.flush().await;
    let sent: Vec<_> = memory.take().into_iter().map(|email| email.to[0].clone()).collect();
    assert_eq!(sent, recipients);
    assert_eq!(queue.pending(), 0);

    queue.clone().enqueue(job("again@b.example")).unwrap();
    queue.flush().await;
    assert_eq!(memory.len(), 1);
}

#[test]
fn a_queue_is_made_and_filled_without_a_runtime() {
    let memory = MemoryTransport::new();
    let queue = MailQueue::new(Arc::new(memory.clone()), in_order());
    queue.enqueue(job("a@b.example")).unwrap();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime().block_on(queue.flush());
    assert_eq!(memory.len(), 1);
    // Nothing ties the queue to the runtime that is gone.
    runtime().block_on(async {
        queue.enqueue(job("b@b.example")).unwrap();
        queue.flush().await;
    });
    assert_eq!(memory.len(), 2);
}

#[test]
fn a_runtime_that_ends_cuts_off_the_attempt_and_the_rest_is_sent_in_the_next() {
    let (gate, permits) = Gate::closed();
    let (observer, told) = observer();
    let queue = MailQueue::with_observer(gate.clone(), in_order(), observer);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime().block_on(async {
        queue.enqueue(job("cut@b.example")).unwrap();
        queue.enqueue(job("later@b.example")).unwrap();
        // Lets the worker run until it waits for the gate.
        while queue.shared.lock().waiting.len() > 1 {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
    });
    permits.add_permits(5);
    runtime().block_on(queue.flush());
    assert_eq!(gate.sent.load(Ordering::SeqCst), 1);
    let told = told.lock().unwrap().clone();
    assert_eq!(told, [("cut@b.example".to_owned(), 1, "the attempt was cut off".to_owned())]);
}

#[tokio::test]
async fn rendering_is_not_done_by_the_caller() {
    let rendered = Arc::new(AtomicUsize::new(0));
    let queue = MailQueue::new(Arc::new(MemoryTransport::new()), in_order());
    let count = Arc::clone(&rendered);
    let render = move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(email("a@b.example")) }
    };
    queue.enqueue(MailJob::new("test", "a@b.example", render)).unwrap();
    assert_eq!(rendered.load(Ordering::SeqCst), 0);
    queue.flush().await;
    assert_eq!(rendered.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_full_queue_refuses_and_reports_at_once() {
    let (gate, permits) = Gate::closed();
    let (observer, told) = observer();
    let config = QueueConfig { capacity: 2, ..in_order() };
    let queue = MailQueue::with_observer(gate.clone(), config, observer);
    queue.enqueue(job("a@b.example")).unwrap();
    queue.enqueue(job("b@b.example")).unwrap();
    assert_eq!(queue.enqueue(job("c@b.example")), Err(QueueFull));
    let expected = ("c@b.example".to_owned(), 0, "the mail queue is full".to_owned());
    assert_eq!(*told.lock().unwrap(), [expected]);
    assert_eq!(queue.pending(), 2);

    permits.add_permits(2);
    queue.flush().await;
    assert_eq!(gate.sent.load(Ordering::SeqCst), 2);
    permits.add_permits(1);
    queue.enqueue(job("d@b.example")).unwrap();
    queue.flush().await;
    assert_eq!(gate.sent.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_failed_mail_is_tried_again_with_growing_delays_and_the_same_message_id() {
    let transport = Scripted::new(&[("a@b.example", 5)]);
    let (observer, told) = observer();
    let config = QueueConfig { longest_retry: 5 * SECOND, ..in_order() };
    let queue = MailQueue::with_observer(transport.clone(), config, observer);
    let start = Instant::now();
    queue.enqueue(job("a@b.example")).unwrap();
    queue.flush().await;
    assert_eq!(transport.seconds(start), [0, 1, 3, 7, 12, 17]);
    assert!(told.lock().unwrap().is_empty());
    let ids = transport.ids.lock().unwrap();
    assert!(ids[0].as_ref().unwrap().ends_with("@b.example>"));
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[tokio::test(start_paused = true)]
async fn a_failing_recipient_does_not_hold_up_the_others() {
    let transport = Scripted::new(&[("bad@b.example", 2)]);
    let queue = MailQueue::new(transport.clone(), in_order());
    let start = Instant::now();
    for to in ["bad@b.example", "one@b.example", "two@b.example"] {
        queue.enqueue(job(to)).unwrap();
    }
    queue.flush().await;
    let bad = "bad@b.example";
    assert_eq!(transport.asked(), [bad, "one@b.example", "two@b.example", bad, bad]);
    assert_eq!(transport.seconds(start), [0, 0, 0, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_recipient_does_not_hold_up_the_others() {
    struct SlowForOne(MemoryTransport);

    #[async_trait]
    impl Mailer for SlowForOne {
        async fn send_email(&self, email: Email) -> Result<(), MailerError> {
            if email.to[0] == "slow@b.example" {
                future::pending::<()>().await;
            }
            self.0.send_email(email).await
        }
    }

    let memory = MemoryTransport::new();
    let (observer, told) = observer();
    let config = QueueConfig { concurrency: 2, max_attempts: 2, send_timeout: 30 * SECOND, ..in_order() };
    let transport = Arc::new(SlowForOne(memory.clone()));
    let queue = MailQueue::with_observer(transport, config, observer);
    let start = Instant::now();
    queue.enqueue(job("slow@b.example")).unwrap();
    for n in 0..20 {
        queue.enqueue(job(&format!("u{n}@b.example"))).unwrap();
    }
    // The clock stands still while there is something to do, so this is a moment.
    while memory.len() < 20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    queue.flush().await;
    assert_eq!(start.elapsed().as_secs(), 30 + 1 + 30);
    let expected = "Email was not sent within 30s".to_owned();
    assert_eq!(*told.lock().unwrap(), [("slow@b.example".to_owned(), 2, expected)]);
}

#[tokio::test(start_paused = true)]
async fn giving_up_is_reported_before_flush_returns() {
    let transport = Scripted::new(&[("a@b.example", u32::MAX)]);
    let (observer, told) = observer();
    let config = QueueConfig { max_attempts: 3, ..in_order() };
    let queue = MailQueue::with_observer(transport.clone(), config, observer);
    queue.enqueue(job("a@b.example")).unwrap();
    queue.flush().await;
    assert_eq!(transport.asked().len(), 3);
    let expected = ("a@b.example".to_owned(), 3, "IO error: not now".to_owned());
    assert_eq!(*told.lock().unwrap(), [expected]);
    assert_eq!(queue.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_succeed_is_not_tried_again() {
    let (observer, told) = observer();
    let queue = MailQueue::with_observer(Arc::new(MemoryTransport::new()), in_order(), observer);
    let start = Instant::now();
    queue.enqueue(job("nobody")).unwrap();
    let fails = || async { Err(MailerError::Builder("reset_link is required".to_owned())) };
    queue.enqueue(MailJob::new("test", "x@b.example", fails)).unwrap();
    // Rendering is done once, so even an error that could pass is final there.
    let fails = || async { Err(MailerError::Io(std::io::Error::other("disk"))) };
    queue.enqueue(MailJob::new("test", "y@b.example", fails)).unwrap();
    queue.flush().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    let told = told.lock().unwrap();
    let told: Vec<_> = told.iter().map(|(to, attempts, _)| (to.as_str(), *attempts)).collect();
    assert_eq!(told, [("nobody", 1), ("x@b.example", 1), ("y@b.example", 1)]);
}

#[tokio::test(start_paused = true)]
async fn flush_does_not_wait_for_what_comes_after() {
    let (gate, permits) = Gate::closed();
    let queue = MailQueue::new(gate.clone(), in_order());
    queue.enqueue(job("a@b.example")).unwrap();
    let flush = tokio::spawn({
        let queue = queue.clone();
        async move { queue.flush().await }
    });
    tokio::task::yield_now().await;
    queue.enqueue(job("b@b.example")).unwrap();
    permits.add_permits(1);
    flush.await.unwrap();
    assert_eq!(queue.pending(), 1);
    permits.add_permits(1);
    queue.flush().await;
    assert_eq!(gate.sent.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_sends_what_is_queued_and_then_ends() {
    struct Channel(mpsc::UnboundedSender<String>, Scripted);

    #[async_trait]
    impl Mailer for Channel {
        async fn send_email(&self, email: Email) -> Result<(), MailerError> {
            let to = email.to[0].clone();
            self.1.send_email(email).await?;
            let _ = self.0.send(to);
            Ok(())
        }
    }

    let (sender, mut sent) = mpsc::unbounded_channel();
    let script = Scripted::default();
    script.failures.lock().unwrap().insert("a@b.example".to_owned(), 2);
    let queue = MailQueue::new(Arc::new(Channel(sender, script)), in_order());
    queue.enqueue(job("a@b.example")).unwrap();
    queue.enqueue(job("b@b.example")).unwrap();
    drop(queue);
    assert_eq!(sent.recv().await.as_deref(), Some("b@b.example"));
    assert_eq!(sent.recv().await.as_deref(), Some("a@b.example"));
    // The worker and with it the transport are gone.
    assert_eq!(sent.recv().await, None);
}

#[tokio::test]
async fn panics_in_the_applications_code_cost_one_mail() {
    let memory = MemoryTransport::new();
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let observer: FailureObserver = Arc::new(move |failure| {
        assert!(matches!(failure.cause, FailureCause::Interrupted));
        count.fetch_add(1, Ordering::SeqCst);
        panic!("in the observer");
    });
    let queue = MailQueue::with_observer(Arc::new(memory.clone()), in_order(), observer);
    let panics = || async { panic!("while rendering") };
    queue.enqueue(MailJob::new("test", "a@b.example", panics)).unwrap();
    queue.enqueue(job("b@b.example")).unwrap();
    queue.flush().await;
    assert_eq!(told.load(Ordering::SeqCst), 1);
    assert_eq!(memory.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_at_once_lose_nothing() {
    let memory = MemoryTransport::new();
    let queue = MailQueue::new(Arc::new(memory.clone()), QueueConfig::default());
    let callers: Vec<_> = (0..8)
        .map(|caller| {
            let queue = queue.clone();
            tokio::spawn(async move {
                for n in 0..25 {
                    queue.enqueue(job(&format!("u{caller}-{n}@b.example"))).unwrap();
                    if n % 5 == 0 {
                        queue.flush().await;
                    }
                }
                queue.flush().await;
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(memory.len(), 200);
}

#[test]
fn delays_stay_within_bounds() {
    let config = QueueConfig { first_retry: SECOND, longest_retry: Duration::MAX, ..QueueConfig::default() };
    assert_eq!(config.delay_after(1), SECOND);
    assert_eq!(config.delay_after(4), 8 * SECOND);
    assert_eq!(config.delay_after(u32::MAX), Duration::from_secs(24 * 60 * 60));
}

#[test]
fn debug_shows_no_content() {
    let queue = MailQueue::new(Arc::new(MemoryTransport::new()), in_order());
    queue.enqueue(job("a@b.example")).unwrap();
    let text = format!("{queue:?} {:?}", job("a@b.example"));
    assert!(text.contains("pending: 1") && !text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn one_label_does_not_fill_the_queue_for_others() {
    let (gate, permits) = Gate::closed();
    let (observer, told) = observer();
    let config = QueueConfig { capacity: 4, concurrency: 1, ..QueueConfig::default() };
    let queue = MailQueue::with_observer(gate.clone(), config, observer);
    for number in 0..4 {
        queue.enqueue(job(&format!("greedy{number}@b.example")).with_label("greedy")).unwrap();
    }
    // The newest of the greedy one's makes room, once for each that has fewer.
    queue.enqueue(job("a@b.example").with_label("modest")).unwrap();
    queue.enqueue(job("b@b.example")).unwrap();
    // With one more the modest one would have as many as the greedy one.
    assert_eq!(queue.enqueue(job("c@b.example").with_label("modest")), Err(QueueFull));
    assert_eq!(queue.enqueue(job("greedy9@b.example").with_label("greedy")), Err(QueueFull));
    let lost: Vec<_> = told.lock().unwrap().iter().map(|(to, attempts, _)| (to.clone(), *attempts)).collect();
    let lost: Vec<_> = lost.iter().map(|(to, attempts)| (to.as_str(), *attempts)).collect();
    assert_eq!(
        lost,
        [("greedy3@b.example", 0), ("greedy2@b.example", 0), ("c@b.example", 0), ("greedy9@b.example", 0)]
    );
    permits.add_permits(4);
    queue.flush().await;
    assert_eq!(gate.sent.load(Ordering::SeqCst), 4);
}
