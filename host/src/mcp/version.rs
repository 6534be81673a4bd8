//! Versions of the protocol, of two eras: up to 2025-11-25 a connection begins with `initialize`;
//! from 2026-07-28 on each request says for itself who asks and what it can do.

use std::fmt;

/// A version that is spoken here, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 2024-11-05
    V20241105,
    /// 2025-03-26
    V20250326,
    /// 2025-06-18
    V20250618,
    /// 2025-11-25
    V20251125,
    /// 2026-07-28
    V20260728,
}

impl Version {
    /// Every one, oldest first.
    pub const ALL: [Self; 5] = [
        Self::V20241105,
        Self::V20250326,
        Self::V20250618,
        Self::V20251125,
        Self::V20260728,
    ];
    /// The newest that begins with `initialize`.
    pub const LAST_WITH_SESSIONS: Self = Self::V20251125;
    /// The newest of all.
    pub const LATEST: Self = Self::V20260728;

    /// The version of this name, if it is spoken here.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V20241105 => "2024-11-05",
            Self::V20250326 => "2025-03-26",
            Self::V20250618 => "2025-06-18",
            Self::V20251125 => "2025-11-25",
            Self::V20260728 => "2026-07-28",
        }
    }

    /// Whether a connection begins with `initialize`.
    pub fn has_sessions(self) -> bool {
        self <= Self::LAST_WITH_SESSIONS
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
