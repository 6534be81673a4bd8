//! `config-sync settings`: what is in force and who says so; stores values, takes them back,
//! writes them into the file. Through the running host, so that it applies at once; without one
//! the next host will.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Map, Value};

use super::ending::{self, Failure};
use super::find_config::{self, ConfigArgument};
use super::find_state::StateArgument;
use super::page::{plain, print, print_json};
use super::plugins_of::Plugins;
use super::{folders, sync_variables};
use crate::config;
use crate::events::EventBus;
use crate::manage::{Bounds, Client, ClientError, Plugin, Setting, Settings as Answer};
use crate::service::{detector_of, shown};
use crate::settings::{ChangeError, Key, LiveSettings, SettingsStore, from_text, save_in_file};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Settings {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    place: Where,
}

/// Which file's.
#[derive(Debug, clap::Args)]
struct Where {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    state: StateArgument,
    /// Write what is in force as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Order {
    /// What is in force, and who says so: default, file, stored, environment or flag
    Get {
        /// Only this one
        key: Option<String>,
        #[command(flatten)]
        place: Where,
    },
    /// Store a value: it wins over the file until that key is edited there
    Set {
        /// As it stands below `sync` in the file
        key: String,
        /// Seconds, true or false, or a word
        #[arg(allow_negative_numbers = true)]
        value: String,
        /// Write it into the file instead; no other byte of it changes
        #[arg(long)]
        in_file: bool,
        #[command(flatten)]
        place: Where,
    },
    /// Take back what is stored, so that the file counts again
    Reset {
        /// Only these
        keys: Vec<String>,
        #[command(flatten)]
        place: Where,
    },
}

/// The settings of a file on which no host runs.
struct Asleep {
    watched: PathBuf,
    root: Option<PathBuf>,
    live: LiveSettings,
    bus: EventBus,
    plugins: Plugins,
    described: Vec<Plugin>,
}

impl Settings {
    pub(super) async fn run(&self) -> ExitCode {
        ending::told(self.obey().await)
    }

    fn place(&self) -> &Where {
        match &self.order {
            Some(
                Order::Get { place, .. } | Order::Set { place, .. } | Order::Reset { place, .. },
            ) => place,
            None => &self.place,
        }
    }

    /// False, where the order was refused.
    async fn obey(&self) -> Result<bool, Failure> {
        let (path, state) = (self.place().config.find()?, self.place().state.find()?);
        let place = folders::place(state.as_deref(), &path);
        let answered = match Client::find(&place).await {
            Ok(client) => self.ask(&client).await?,
            Err(ClientError::NoHost(_)) => {
                let mut asleep = Asleep::open(path, state).await?;
                let answered = self.without_host(&mut asleep);
                for event in asleep.bus.since(0).events {
                    eprintln!("{}", plain(&event.details));
                }
                answered?
            }
            Err(error) => return Err(error.into()),
        };
        match answered {
            Ok(answer) => self.show(&answer),
            Err(refused) => {
                eprintln!("config-sync: {refused}");
                Ok(false)
            }
        }
    }

    async fn ask(&self, client: &Client) -> Result<Result<Answer, String>, Failure> {
        let answered = match &self.order {
            None | Some(Order::Get { .. }) => client.get("/settings").await,
            Some(Order::Set {
                key,
                value,
                in_file,
                ..
            }) => match one(key, value) {
                Err(refused) => return Ok(Err(refused)),
                Ok(change) => {
                    let path = match in_file {
                        true => "/settings?to=file",
                        false => "/settings",
                    };
                    client.patch(path, &change).await
                }
            },
            Some(Order::Reset { keys, .. }) => {
                let stored = match keys.is_empty() {
                    true => stored_keys(&client.get("/settings").await?),
                    false => keys.clone(),
                };
                client.patch("/settings", &back(&stored)).await
            }
        };
        match answered {
            Ok(answer) => Ok(Ok(answer)),
            Err(ClientError::Refused(problem)) => Ok(Err(problem.detail)),
            Err(error) => Err(error.into()),
        }
    }

    fn without_host(&self, asleep: &mut Asleep) -> Result<Result<Answer, String>, Failure> {
        let done = match &self.order {
            None | Some(Order::Get { .. }) => Ok(()),
            Some(Order::Set {
                key,
                value,
                in_file,
                ..
            }) => one(key, value).and_then(|change| {
                detector_of(&change, asleep.plugins.library.as_ref())?;
                match in_file {
                    true => asleep.write(&change),
                    false => asleep.store(&change),
                }
            }),
            Some(Order::Reset { keys, .. }) => {
                let stored = match keys.is_empty() {
                    true => asleep.live.stored().into_keys().collect(),
                    false => keys.clone(),
                };
                asleep.store(&back(&stored))
            }
        };
        Ok(done.map(|()| asleep.shown()))
    }

    /// Whether there was what was asked for.
    fn show(&self, answer: &Answer) -> Result<bool, Failure> {
        let only = match &self.order {
            Some(Order::Get { key: Some(key), .. } | Order::Set { key, .. }) => {
                match Key::named(key) {
                    Ok(key) => Some(key.name),
                    Err(error) => return Err(error.into()),
                }
            }
            _ => None,
        };
        let wanted = |setting: &&Setting| only.is_none_or(|only| setting.key == only);
        let settings: Vec<_> = answer.settings.iter().filter(wanted).cloned().collect();
        let answer = Answer {
            settings,
            ..answer.clone()
        };
        match self.place().json {
            true => print_json(&answer)?,
            false => drop(print(&table(&answer))),
        }
        Ok(true)
    }
}

impl Asleep {
    async fn open(watched: PathBuf, root: Option<PathBuf>) -> Result<Self, Failure> {
        let bytes = find_config::read(&watched)?;
        let name = watched.display().to_string();
        let sections = match config::parse(&name, &bytes) {
            Ok(draft) => draft.sections(),
            Err(config::Load::Invalid(problems)) => {
                return Err(problems.lines().join("\n").into());
            }
            Err(_) => Map::new(),
        };
        let plugins = Plugins::of(&watched, &bytes).await?;
        let bus = EventBus::default();
        let store = folders::settings().map(|folder| SettingsStore::of(&folder, &watched));
        let live = LiveSettings::open(store, sync_variables::read()?, Map::new(), bus.clone());
        let section = sections.get("sync").and_then(Value::as_object).cloned();
        live.follow(&section.unwrap_or_default(), true);
        Ok(Self {
            described: plugins.library.list(),
            watched,
            root,
            live,
            bus,
            plugins,
        })
    }

    fn store(&self, change: &Map<String, Value>) -> Result<(), String> {
        let done = self.live.change(change);
        done.map(drop)
            .map_err(|error: ChangeError| error.to_string())
    }

    fn write(&mut self, change: &Map<String, Value>) -> Result<(), String> {
        let saved = save_in_file(&self.live, &self.watched, self.root.as_deref(), change);
        let saved = saved.map_err(|error| error.to_string())?;
        if let Some(warning) = saved.warning {
            eprintln!("{warning}");
        }
        // What it says now is newer than what is stored.
        let bytes = find_config::read(&self.watched)?;
        let sections = config::parse("", &bytes).map(|draft| draft.sections());
        let sync = sections.ok().and_then(|mut it| it.shift_remove("sync"));
        let section = sync.as_ref().and_then(Value::as_object).cloned();
        self.live.follow(&section.unwrap_or_default(), true);
        Ok(())
    }

    fn shown(&self) -> Answer {
        shown(&self.watched, &self.live, &self.described)
    }
}

/// The change that somebody has typed.
fn one(key: &str, value: &str) -> Result<Map<String, Value>, String> {
    let key = Key::named(key)?;
    Ok(Map::from_iter([(
        key.name.to_owned(),
        from_text(key, value),
    )]))
}

/// Takes these back.
fn back(keys: &[impl AsRef<str>]) -> Map<String, Value> {
    let keys = keys
        .iter()
        .map(|key| (key.as_ref().to_owned(), Value::Null));
    keys.collect()
}

fn stored_keys(answer: &Answer) -> Vec<String> {
    let stored = |setting: &&Setting| {
        let mut layers = setting.layers.iter();
        layers.any(|layer| layer.origin == crate::manage::Origin::Stored)
    };
    let settings = answer.settings.iter().filter(stored);
    settings.map(|setting| setting.key.clone()).collect()
}

fn table(answer: &Answer) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => plain(text),
        other => other.to_string(),
    };
    let mut lines = format!("{:<16} {:<10} {:<12} MEANS\n", "KEY", "VALUE", "SAID BY");
    for setting in &answer.settings {
        let (key, origin) = (plain(&setting.key), setting.origin.as_str());
        let (value, summary) = (text(&setting.value), plain(&setting.summary));
        let mut line = format!("{key:<16} {value:<10} {origin:<12} {summary}");
        if let Bounds::Seconds { least, most, .. } = setting.bounds {
            line += &format!(" ({least} to {most})");
        }
        // Who else says something, and is not heard.
        let unheard = setting.layers.iter().rev().skip(1);
        let unheard = unheard.filter(|layer| layer.origin != crate::manage::Origin::Default);
        let unheard: Vec<_> = unheard
            .map(|layer| format!("{}: {}", layer.origin.as_str(), text(&layer.value)))
            .collect();
        if !unheard.is_empty() {
            line += &format!("; over {}", unheard.join(", "));
        }
        lines += line.trim_end();
        lines.push('\n');
    }
    lines
}
