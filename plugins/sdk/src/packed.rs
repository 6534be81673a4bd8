//! A memory in few bytes and few steps. A look at one saved file is mostly this: what the guest runs
//! is no longer in the processor's caches by then, so each step of a JSON parser is paid for in full.

use crate::{Absence, Digest, LastSeen};

/// Before everything that is packed. No JSON begins with it.
const MARK: u8 = 0;

/// Something that is written field by field, without names.
pub trait Packed: Sized {
    /// Appends it.
    fn pack(&self, to: &mut Vec<u8>);

    /// Takes it from the front; `None` if it is not there.
    fn unpack(from: &mut &[u8]) -> Option<Self>;
}

/// What [`read`] reads.
pub fn write(memory: &impl Packed) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96);
    bytes.push(MARK);
    memory.pack(&mut bytes);
    bytes
}

/// What [`write`] wrote.
pub fn read<T: Packed>(mut bytes: &[u8]) -> Result<T, String> {
    let mark = bytes.split_off_first();
    let memory = T::unpack(&mut bytes).filter(|_| mark == Some(&MARK) && bytes.is_empty());
    memory.ok_or_else(|| "it is not packed".to_owned())
}

impl Packed for u64 {
    fn pack(&self, to: &mut Vec<u8>) {
        to.extend(self.to_le_bytes());
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let (bytes, rest) = from.split_first_chunk()?;
        *from = rest;
        Some(Self::from_le_bytes(*bytes))
    }
}

impl Packed for Digest {
    fn pack(&self, to: &mut Vec<u8>) {
        (self.0.len() as u64).pack(to);
        to.extend(&self.0);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let length = u64::unpack(from)?.try_into().ok()?;
        from.split_off(..length).map(|bytes| Self(bytes.to_owned()))
    }
}

impl Packed for Absence {
    fn pack(&self, to: &mut Vec<u8>) {
        to.push(match self {
            Self::NotFound => 0,
            Self::PermissionDenied => 1,
            Self::NotAFile => 2,
        });
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(match from.split_off_first()? {
            0 => Self::NotFound,
            1 => Self::PermissionDenied,
            2 => Self::NotAFile,
            _ => return None,
        })
    }
}

impl<T: Packed> Packed for Option<T> {
    fn pack(&self, to: &mut Vec<u8>) {
        to.push(self.is_some().into());
        if let Some(it) = self {
            it.pack(to);
        }
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        match from.split_off_first()? {
            0 => Some(None),
            1 => T::unpack(from).map(Some),
            _ => None,
        }
    }
}

impl<T: Packed> Packed for LastSeen<T> {
    fn pack(&self, to: &mut Vec<u8>) {
        self.seen.pack(to);
        self.absent.pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(Self {
            seen: Packed::unpack(from)?,
            absent: Packed::unpack(from)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let memory = LastSeen {
            seen: Some(Digest::from(vec![7; 32])),
            absent: Some(Absence::NotAFile),
        };
        let bytes = write(&memory);
        assert_eq!(read(&bytes), Ok(memory.clone()));
        for length in 0..bytes.len() {
            assert!(read::<LastSeen<Digest>>(&bytes[..length]).is_err());
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(read::<LastSeen<Digest>>(&longer).is_err());
        let json = serde_json::to_vec(&memory).unwrap();
        assert!(read::<LastSeen<Digest>>(&json).is_err());
        assert_eq!(
            serde_json::from_slice::<LastSeen<Digest>>(&json).unwrap(),
            memory
        );
    }
}
