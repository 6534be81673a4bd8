//! A reloader in a world of fakes: a file in memory, backends and handlers that do as they are
//! told, a memory that hands out each record. Time is tokio's, and paused.

use std::sync::Mutex as StdMutex;

use tokio::sync::oneshot;

use super::super::super::{Ask, Ending, Last, LastGood, Record};
use super::super::*;
use super::ports::{Deed, Deeds, Finished, Paper, Recording, told};
use crate::events::SyncEvent;
use crate::gateway::fakes::Fakes;
use crate::gateway::{Capability, Snapshot};
use crate::reload::only_mtime::OnlyMtime;
use crate::watch::FoundBy;

/// The world, and the reloader that runs in it.
pub(super) struct World {
    pub(super) fakes: Arc<Fakes>,
    pub(super) gateway: Arc<Gateway>,
    handlers: Handlers,
    tell_finished: Finished,
    pub(super) orders: watch::Receiver<Option<Orders>>,
    command: watch::Sender<Option<Orders>>,
    pub(super) finished: mpsc::UnboundedReceiver<(u64, Ending)>,
    pub(super) cancel: CancellationToken,
    paper: Arc<Paper>,
    deeds: Deeds,
    events: tokio::sync::broadcast::Receiver<SyncEvent>,
    records: mpsc::UnboundedReceiver<(Record, Option<Vec<u8>>)>,
    settled: mpsc::UnboundedSender<Settled>,
    asked: mpsc::Sender<Ask>,
    running: tokio::task::JoinHandle<()>,
}

impl World {
    /// Starts on this text, which must serve.
    pub(super) async fn start(text: &str) -> Self {
        let mut world = Self::try_start(text, Fakes::default(), None).await.unwrap();
        world.record().await;
        while world.finished.try_recv().is_ok() {}
        world
    }

    pub(super) async fn try_start(
        text: &str,
        fakes: Fakes,
        last_good: Option<LastGood>,
    ) -> Result<Self, Vec<String>> {
        let fakes = Arc::new(fakes);
        let (gateway, notices) = Gateway::connected_by(fakes.clone());
        let deeds = Deeds::default();
        let paper = Arc::new(Paper {
            text: StdMutex::new(Some(text.into())),
            deeds: Arc::clone(&deeds),
        });
        let (tell_finished, finished) = mpsc::unbounded_channel();
        let handlers = Handlers::new(vec![told(&deeds, &tell_finished)]);
        let (records_out, records) = mpsc::unbounded_channel();
        let (orders_out, orders) = watch::channel(None);
        let bus = EventBus::default();
        let events = bus.subscribe();
        let mut reloader = Reloader::new(Ports {
            target: paper.clone(),
            gateway: Arc::clone(&gateway),
            handlers: handlers.clone(),
            detectors: Arc::new(OnlyMtime),
            others: None,
            settings: LiveSettings::of_file_alone(bus.clone()),
            bus,
            orders: orders_out.clone(),
            standing: tokio::sync::watch::Sender::default(),
            in_force: tokio::sync::watch::Sender::default(),
            memory: Box::new(Recording {
                records: records_out,
                serves: None,
                last_good,
            }),
        });
        reloader.start().await?;
        let (settled, settled_changes) = mpsc::unbounded_channel();
        let (asked, asks) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        let running = reloader.run(settled_changes, asks, notices, cancel.clone());
        Ok(Self {
            fakes,
            gateway,
            handlers,
            tell_finished,
            orders,
            command: orders_out,
            finished,
            cancel,
            paper,
            deeds,
            events,
            records,
            settled,
            asked,
            running: tokio::spawn(running),
        })
    }

    /// The function does this when it is called next.
    pub(super) fn will(&self, function: &'static str, deed: Deed) {
        self.deeds.lock().unwrap().push((function, deed));
    }

    /// Writes the file, and tells nobody.
    pub(super) fn write(&self, text: &str) {
        *self.paper.text.lock().unwrap() = Some(text.into());
    }

    pub(super) fn remove(&self) {
        *self.paper.text.lock().unwrap() = None;
    }

    /// The watcher sees a change come to rest.
    pub(super) fn settle(&self) {
        let digest = self.paper.digest();
        let _ = self.settled.send(Settled {
            path: self.paper.path().into(),
            digest: digest.unwrap_or_else(|_| Digest::of(b"gone")),
            found_by: FoundBy::Detector,
            detector: "mtime".to_owned(),
            same: false,
        });
    }

    /// Another handler takes the place of the one that reads the backends.
    pub(super) fn replace_handler(&self) {
        let all = vec![told(&self.deeds, &self.tell_finished)];
        self.handlers.replace(all, vec!["backends".to_owned()]);
    }

    pub(super) fn hang_up(&self) {
        let _ = self.asked.try_send(Trigger::Hangup.into());
    }

    /// Somebody wants no edit to be followed.
    pub(super) fn pause(&self) {
        self.command.send_modify(|orders| {
            orders.as_mut().unwrap().paused = true;
        });
    }

    pub(super) fn is_paused(&self) -> bool {
        self.orders.borrow().as_ref().unwrap().paused
    }

    pub(super) fn call(&self, trigger: Trigger) {
        self.asked.try_send(trigger.into()).unwrap();
    }

    /// Calls, and wants to hear how it ends.
    pub(super) fn ask(&self) -> oneshot::Receiver<Last> {
        let (ask, hears) = Ask::to_be_told(Trigger::Api);
        self.asked.try_send(ask).unwrap();
        hears
    }

    /// Comes back when nobody called who has not been heard.
    pub(super) async fn heard(&self) {
        while self.asked.capacity() == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Saves the file, and comes back with the record of what followed.
    pub(super) async fn save(&mut self, text: &str) -> Record {
        self.write(text);
        self.settle();
        self.record().await
    }

    pub(super) async fn record(&mut self) -> Record {
        self.kept().await.0
    }

    /// The next record, and the bytes to keep with it.
    pub(super) async fn kept(&mut self) -> (Record, Option<Vec<u8>>) {
        self.records.recv().await.unwrap()
    }

    /// No record has come since the last one.
    pub(super) fn no_record(&mut self) {
        assert!(self.records.try_recv().is_err());
    }

    /// The details of the next event that contains this.
    pub(super) async fn event(&mut self, like: &str) -> String {
        loop {
            let event = self.events.recv().await.unwrap();
            if event.details.contains(like) {
                return event.details;
            }
        }
    }

    pub(super) fn current(&self) -> Arc<Snapshot> {
        self.gateway.current()
    }

    /// What clients see, sorted.
    pub(super) fn tools(&self) -> Vec<String> {
        let mut tools = self.current().shown(Capability::Tool);
        tools.sort();
        tools
    }

    /// Comes back when exactly those backends live that serve.
    pub(super) async fn nothing_leaks(&self) {
        let current = self.current();
        let mut serving: Vec<_> = current
            .backends()
            .map(|(name, _)| name.to_owned())
            .collect();
        serving.sort();
        drop(current);
        for _ in 0..1000 {
            if self.fakes.alive() == serving {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{:?} live, {serving:?} serve", self.fakes.alive());
    }

    /// Ends the host. Nothing may be left.
    pub(super) async fn end(self) {
        self.cancel.cancel();
        self.running.await.unwrap();
        assert!(self.gateway.shut_down(Duration::from_secs(60)).await);
        for _ in 0..100 {
            if self.fakes.alive().is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{:?} still live", self.fakes.alive());
    }
}

/// A file with these lines below `backends:`.
pub(super) fn file(backends: &[&str]) -> String {
    let lines: String = backends.iter().map(|line| format!("  {line}\n")).collect();
    let none = if lines.is_empty() { " {}" } else { "" };
    format!("version: '1'\nserver: {{port: 0}}\nbackends:{none}\n{lines}")
}
