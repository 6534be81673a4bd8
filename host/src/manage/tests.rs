//! The API over a real socket, in front of a host that is none.
