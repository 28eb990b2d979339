use std::sync::Mutex;

use super::*;

#[derive(Default)]
struct Recorder {
    seen: Mutex<Vec<String>>,
    fails: bool,
    bus: Option<EventBus>,
}

#[async_trait]
impl EventHandler for Recorder {
    async fn handle_event(&self, event: &Event) -> Result<(), EventError> {
        self.seen.lock().unwrap().push(format!("{event:?}"));
        if let Some(bus) = &self.bus {
            bus.register(Arc::new(Self::default())).await;
        }
        if self.fails { Err(EventError::HandlerError("no".into())) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_failing_handler_hides_nothing_from_the_next() {
    let bus = EventBus::new();
    let (bad, good) = (Arc::new(Recorder { fails: true, ..Recorder::default() }), Arc::new(Recorder::default()));
    bus.register(bad.clone()).await;
    bus.register(good.clone()).await;
    let outcome = bus.emit(&Event::UserDeleted(UserId::new("u"))).await;
    assert_eq!(outcome, Err(EventError::HandlerError("no".into())));
    assert_eq!(good.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_handler_may_register_another() {
    let bus = EventBus::new();
    bus.register(Arc::new(Recorder { bus: Some(bus.clone()), ..Recorder::default() })).await;
    bus.emit(&Event::UserDeleted(UserId::new("u"))).await.unwrap();
    assert_eq!(bus.handlers.read().await.len(), 2);
}
