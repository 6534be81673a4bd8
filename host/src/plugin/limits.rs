//! What a plugin may use, in the units of the machine.

use std::time::Duration;

use crate::config::PluginLimits;

const KIB: usize = 1024;
const MIB: usize = 1024 * 1024;

/// What one call of a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time in the guest itself; what the host does for it does not count.
    pub time: Duration,
    /// Bytes of all its linear memories together.
    pub memory: usize,
    /// Elements of all its tables together.
    pub table: usize,
    /// Bytes of its stack.
    pub stack: usize,
    /// Bytes of one answer, and of what it hands to the host in one call.
    pub output: usize,
    /// Lines in the log.
    pub log: u32,
    /// Bytes of the component; of all calls together.
    pub size: u64,
}

impl Limits {
    /// These, and none below that of `least`.
    pub(super) fn at_least(self, least: Self) -> Self {
        Self {
            time: self.time.max(least.time),
            memory: self.memory.max(least.memory),
            table: self.table.max(least.table),
            stack: self.stack.max(least.stack),
            output: self.output.max(least.output),
            log: self.log.max(least.log),
            size: self.size.max(least.size),
        }
    }
}

impl From<PluginLimits> for Limits {
    fn from(limits: PluginLimits) -> Self {
        Self {
            time: limits.time,
            memory: limits.memory_mib as usize * MIB,
            table: limits.table as usize,
            stack: limits.stack_kib as usize * KIB,
            output: limits.output_kib as usize * KIB,
            log: limits.log,
            size: u64::from(limits.size_mib) * MIB as u64,
        }
    }
}

/// What does not fit its unit is rounded up to it.
impl From<Limits> for PluginLimits {
    fn from(limits: Limits) -> Self {
        let whole =
            |amount: usize, unit: usize| u32::try_from(amount.div_ceil(unit)).unwrap_or(u32::MAX);
        let size = usize::try_from(limits.size).unwrap_or(usize::MAX);
        Self {
            time: limits.time,
            memory_mib: whole(limits.memory, MIB),
            table: whole(limits.table, 1),
            stack_kib: whole(limits.stack, KIB),
            output_kib: whole(limits.output, KIB),
            log: limits.log,
            size_mib: whole(size, MIB),
        }
    }
}
