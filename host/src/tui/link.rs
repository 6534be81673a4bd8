//! The link to the host: finds it, tells what it tells, passes orders on, and finds it again when
//! it was started anew. Waits for the UI where that is slower; then the host counts what is
//! missed.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::message::{Ask, Heard, Order};
use super::state::reloaded;
use crate::events::{EventKind, SyncEvent};
use crate::manage::{
    Client, ClientError, Following, Place, Reloaded, Restored, SaveTo, Settings, Told,
};

/// Between two tries to find a host.
const AGAIN: Duration = Duration::from_secs(1);
/// Between two looks at how it is: often enough to see a debounce run down.
const LOOK: Duration = Duration::from_millis(250);
/// After something has happened, before everything is asked for again: a burst costs one question.
const BREATH: Duration = Duration::from_millis(100);
/// Attempts to look back on.
const ATTEMPTS: usize = 500;

/// Both ends of what the UI hears and orders.
pub(super) struct Link {
    place: Place,
    heard: mpsc::Sender<Heard>,
    asked: mpsc::Receiver<Ask>,
    /// After this event there is news.
    last_id: Option<String>,
}

/// Nobody listens any more.
struct Deaf;

/// Why a host is left.
enum Left {
    /// It is gone, for this reason.
    Lost(String),
    /// Another one is wanted: of this file, found there.
    Turned(String, Place),
}

#[derive(Deserialize)]
struct Kept {
    events: Vec<SyncEvent>,
    missed: u64,
    last_id: String,
}

#[derive(Deserialize)]
struct Changed {
    changed: bool,
}

impl Link {
    /// A link to the host of this place.
    pub(super) fn new(
        place: Place,
        heard: mpsc::Sender<Heard>,
        asked: mpsc::Receiver<Ask>,
    ) -> Self {
        Self {
            place,
            heard,
            asked,
            last_id: None,
        }
    }

    /// Links until nobody listens any more.
    pub(super) async fn run(mut self) {
        let mut why = None;
        while self.once(&mut why).await.is_ok() {}
    }

    /// Until a host is left, and a moment more where none is there.
    async fn once(&mut self, why: &mut Option<String>) -> Result<(), Deaf> {
        let left = match Client::find(&self.place).await {
            Ok(client) => self.attached(&client).await?,
            Err(error) => Left::Lost(error.to_string()),
        };
        let turned = match left {
            Left::Turned(file, place) => Some((file, place)),
            Left::Lost(lost) => {
                // Said once, not each second.
                if why.as_ref() != Some(&lost) {
                    *why = Some(lost.clone());
                    self.tell(Heard::Lost(lost)).await?;
                }
                self.alone().await?
            }
        };
        if let Some((file, place)) = turned {
            (self.place, self.last_id, *why) = (place, None, None);
            self.tell(Heard::Turned(file)).await?;
        }
        Ok(())
    }

    /// Waits a moment; whoever orders something is told that nobody obeys. Says where to turn to,
    /// if that was ordered.
    async fn alone(&mut self) -> Result<Option<(String, Place)>, Deaf> {
        let moment = sleep(AGAIN);
        tokio::pin!(moment);
        loop {
            tokio::select! {
                () = &mut moment => return Ok(None),
                asked = self.asked.recv() => match asked.ok_or(Deaf)? {
                    Ask::Turn(file, place) => return Ok(Some((file, place))),
                    Ask::Order(order) => {
                        let why = "no host runs; this can be ordered once there is one".to_owned();
                        self.tell(Heard::Answered(order, Err(why))).await?;
                    }
                },
            }
        }
    }

    /// With a host, until it is gone; says why it is.
    async fn attached(&mut self, client: &Client) -> Result<Left, Deaf> {
        let mut following = match self.begin(client).await? {
            Ok(following) => following,
            Err(error) => return Ok(Left::Lost(error.to_string())),
        };
        let poke = Notify::new();
        let heard = self.heard.clone();
        let left = tokio::select! {
            lost = follow(&mut following, &heard, &poke) => lost.map(Left::Lost),
            lost = look(client, &heard) => lost.map(Left::Lost),
            lost = ask(client, &heard, &poke) => lost.map(Left::Lost),
            turned = obey(client, &heard, &mut self.asked, &poke) => turned,
        };
        self.last_id = following.last_id().map(str::to_owned);
        left
    }

    /// What it has told so far, then whatever follows.
    async fn begin(&mut self, client: &Client) -> Result<Result<Following, ClientError>, Deaf> {
        let mut kept = None;
        if self.last_id.is_none() {
            match client.get::<Kept>("/events").await {
                Ok(Kept {
                    events,
                    missed,
                    last_id,
                }) => {
                    self.last_id = Some(last_id);
                    kept = Some(Heard::Kept(events, missed));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        let following = match client.follow("", self.last_id.as_deref()).await {
            Ok(following) => following,
            Err(error) => return Ok(Err(error)),
        };
        self.tell(Heard::Attached).await?;
        if let Some(kept) = kept {
            self.tell(kept).await?;
        }
        Ok(Ok(following))
    }

    async fn tell(&self, heard: Heard) -> Result<(), Deaf> {
        self.heard.send(heard).await.map_err(|_| Deaf)
    }
}

async fn follow(
    following: &mut Following,
    heard: &mpsc::Sender<Heard>,
    poke: &Notify,
) -> Result<String, Deaf> {
    while let Some(told) = following.next().await {
        let quiet = matches!(&told, Told::Event(event) if event.kind == EventKind::NoChange);
        heard.send(Heard::Told(told)).await.map_err(|_| Deaf)?;
        if !quiet {
            poke.notify_one();
        }
    }
    Ok("the host has ended; this goes on when one runs on the file again".to_owned())
}

/// How the host is, again and again.
async fn look(client: &Client, heard: &mpsc::Sender<Heard>) -> Result<String, Deaf> {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match client.get("/status").await {
            Ok(status) => {
                let status = Heard::Status(Box::new(status));
                heard.send(status).await.map_err(|_| Deaf)?;
            }
            Err(error) => return Ok(error.to_string()),
        }
    }
}

/// What changes seldom: at the beginning, and whenever something has happened.
async fn ask(client: &Client, heard: &mpsc::Sender<Heard>, poke: &Notify) -> Result<String, Deaf> {
    loop {
        let history = format!("/history?count={ATTEMPTS}");
        let answers = [
            got(client, "/tools", Heard::Tools).await,
            got(client, &history, Heard::History).await,
            got(client, "/settings", |it| Heard::Settings(Box::new(it))).await,
            got(client, "/plugins", Heard::Plugins).await,
        ];
        for answer in answers.into_iter().flatten() {
            heard.send(answer).await.map_err(|_| Deaf)?;
        }
        poke.notified().await;
        sleep(BREATH).await;
    }
}

/// One answer. That one question has none is no reason not to show the others: whether the host
/// is there at all, `look` finds out.
async fn got<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    heard: impl FnOnce(T) -> Heard,
) -> Option<Heard> {
    match client.get(path).await {
        Ok(answer) => Some(heard(answer)),
        Err(error) => {
            tracing::debug!(path, %error, "the host does not tell");
            None
        }
    }
}

/// Passes orders on, as they come; a reload that takes long holds none of them up. Comes back when
/// the host of another file is wanted.
async fn obey(
    client: &Client,
    heard: &mpsc::Sender<Heard>,
    asked: &mut mpsc::Receiver<Ask>,
    poke: &Notify,
) -> Result<Left, Deaf> {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            asked = asked.recv() => match asked.ok_or(Deaf)? {
                Ask::Turn(file, place) => return Ok(Left::Turned(file, place)),
                Ask::Order(order) => under_way.push(async {
                    let answer = pass_on(client, &order).await;
                    (order, answer)
                }),
            },
            Some((order, answer)) = under_way.next() => {
                poke.notify_one();
                heard.send(Heard::Answered(order, answer)).await.map_err(|_| Deaf)?;
            }
        }
    }
}

/// What was done, or why not.
async fn pass_on(client: &Client, order: &Order) -> Result<String, String> {
    let said = |error: ClientError| error.to_string();
    match order {
        Order::Reload => {
            let ended: Reloaded = client.post("/reload").await.map_err(said)?;
            reloaded(&ended)
        }
        Order::Pause => {
            let Changed { changed } = client.post("/pause").await.map_err(said)?;
            Ok(match changed {
                true => "paused: edits are not followed; p again follows them",
                false => "it was paused already",
            }
            .to_owned())
        }
        Order::Resume => {
            let Changed { changed } = client.post("/resume").await.map_err(said)?;
            Ok(match changed {
                true => "edits are followed again, and the file is reloaded now",
                false => "nothing was paused or stopped",
            }
            .to_owned())
        }
        Order::Reconnect(name) => {
            let path = format!("/backends/{}/reconnect", encoded(name));
            let _: Value = client.post(&path).await.map_err(said)?;
            Ok(format!("{name} is started"))
        }
        Order::Save { changes, to } => {
            let path = match to {
                SaveTo::Store => "/settings",
                SaveTo::File => "/settings?to=file",
            };
            let settings: Settings = client.patch(path, changes).await.map_err(said)?;
            Ok(saved(changes.keys().map(String::as_str), *to, &settings))
        }
        Order::Restore(generation) => {
            let to = json!({ "to": generation });
            let done: Restored = client.post_with("/restore", &to).await.map_err(said)?;
            Ok(format!(
                "the file holds generation {} again; what it held is in {}",
                done.generation,
                done.overwritten
                    .as_deref()
                    .unwrap_or("no file, there was none")
            ))
        }
    }
}

/// `debounce is 0.5, stored`: what is in force, which need not be what was asked for.
fn saved<'a>(keys: impl Iterator<Item = &'a str>, to: SaveTo, settings: &Settings) -> String {
    let told = keys.filter_map(|key| {
        let setting = settings.settings.iter().find(|it| it.key == key)?;
        let value = super::state::shown(&setting.bounds, &setting.value);
        Some(format!("{key} is {value} ({})", setting.origin.as_str()))
    });
    let told: Vec<_> = told.collect();
    let done = match to {
        SaveTo::Store => "saved",
        SaveTo::File => "written into the file",
    };
    format!("{done}: {}", told.join(", "))
}

/// A name as it stands in a path.
fn encoded(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path() {
        assert_eq!(encoded("git-hub_2.x~"), "git-hub_2.x~");
        assert_eq!(encoded("a b/ü"), "a%20b%2F%C3%BC");
    }
}
