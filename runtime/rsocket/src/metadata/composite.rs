//! Many metadata in one (extension Composite Metadata).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{MetadataError, MimeType};
use crate::limits::MAX_FRAME_BYTES;

/// The bit that says that an identifier follows, not the length of a name.
const IS_ID: u8 = 0x80;
/// Names have from 1 to 128 bytes; their length is written less 1, as all implementations do.
const MAX_NAME_BYTES: usize = 128;

/// One of the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How the content is encoded.
    pub mime_type: MimeType,
    /// The metadata proper.
    pub content: Bytes,
}

/// The entries of composite metadata, in their order, one by one. Nothing follows an error.
pub fn entries(composite: Bytes) -> Entries {
    Entries { rest: composite }
}

/// Returned by [`entries`].
#[derive(Debug, Clone)]
pub struct Entries {
    rest: Bytes,
}

impl Iterator for Entries {
    type Item = Result<Entry, MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = entry(&mut self.rest);
        if entry.is_err() {
            self.rest.clear();
        }
        Some(entry)
    }
}

fn entry(rest: &mut Bytes) -> Result<Entry, MetadataError> {
    let mime_type = match id_or_name(rest)? {
        IdOrName::Id(id) => MimeType::of_id(id),
        IdOrName::Name(name) => MimeType::named(name),
    };
    if rest.len() < 3 {
        return Err(MetadataError::TooShort);
    }
    let length = rest.get_uint(3) as usize;
    let content = take(rest, length)?;
    Ok(Entry { mime_type, content })
}

/// An identifier of 7 bits, or a name: both extensions that use them write them alike.
pub(super) enum IdOrName {
    Id(u8),
    Name(String),
}

pub(super) fn id_or_name(rest: &mut Bytes) -> Result<IdOrName, MetadataError> {
    let first = rest.try_get_u8().map_err(|_| MetadataError::TooShort)?;
    if first & IS_ID != 0 {
        return Ok(IdOrName::Id(first & !IS_ID));
    }
    let name = take(rest, usize::from(first) + 1)?;
    let name = String::from_utf8(name.into()).map_err(|_| MetadataError::NotUtf8)?;
    Ok(IdOrName::Name(name))
}

pub(super) fn put_id(id: u8, out: &mut BytesMut) {
    out.put_u8(IS_ID | id);
}

pub(super) fn put_name(name: &str, out: &mut BytesMut) -> Result<(), MetadataError> {
    if !(1..=MAX_NAME_BYTES).contains(&name.len()) {
        return Err(MetadataError::TooLong);
    }
    out.put_uint(name.len() as u64 - 1, 1);
    out.put_slice(name.as_bytes());
    Ok(())
}

pub(super) fn take(rest: &mut Bytes, length: usize) -> Result<Bytes, MetadataError> {
    if length > rest.len() {
        return Err(MetadataError::TooShort);
    }
    Ok(rest.split_to(length))
}

/// Writes composite metadata.
#[derive(Debug, Default)]
pub struct CompositeWriter {
    out: BytesMut,
}

impl CompositeWriter {
    /// Without any entry.
    pub fn new() -> CompositeWriter {
        CompositeWriter::default()
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`MetadataError::TooLong`] if the name of the type has not 1 to 128 bytes, or the content more than 16,777,215.
    pub fn push(mut self, mime_type: &MimeType, content: &[u8]) -> Result<CompositeWriter, MetadataError> {
        if content.len() > MAX_FRAME_BYTES {
            return Err(MetadataError::TooLong);
        }
        match (mime_type.id(), mime_type.name()) {
            (Some(id), _) => put_id(id, &mut self.out),
            (None, name) => put_name(name.unwrap_or_default(), &mut self.out)?,
        }
        self.out.put_uint(content.len() as u64, 3);
        self.out.put_slice(content);
        Ok(self)
    }

    /// The metadata.
    pub fn finish(self) -> Bytes {
        self.out.freeze()
    }
}
