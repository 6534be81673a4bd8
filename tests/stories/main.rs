//! Stories against the built host: each starts the real binary on a real file and looks at it
//! from outside, as clients, as whoever edits the file, and as the operating system do.

#[cfg(test)]
#[macro_use]
mod harness;

#[cfg(test)]
mod backend_lists;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod broken;
#[cfg(test)]
mod burst;
#[cfg(test)]
mod check;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod deafness;
#[cfg(test)]
mod detection;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod disk;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod health;
#[cfg(test)]
mod jwt;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod killed_saving;
#[cfg(test)]
mod load;
#[cfg(test)]
mod manage;
mod manage_over_tcp;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod middleware;
#[cfg(test)]
mod middleware_live;
#[cfg(test)]
mod noise;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod plugins;
#[cfg(test)]
mod probation;
#[cfg(test)]
mod quiet;
#[cfg(test)]
mod random_edits;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod remotes;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod server;
mod settings;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod start;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod watch;
