//! The reloader in a world of fakes: whatever fails in whichever phase, what serves is exactly
//! the old or exactly the new generation, and nothing is left behind.

mod backends;
mod calls;
mod plugins;
mod ports;
mod probation;
mod table;
mod world;
