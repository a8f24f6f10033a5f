//! Tags that name a route (extension Routing Metadata).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{MetadataError, composite::take};

/// Routing metadata with these tags.
///
/// # Errors
/// [`MetadataError::TooLong`] if a tag has more than 255 bytes.
pub fn route(tags: &[&str]) -> Result<Bytes, MetadataError> {
    let mut out = BytesMut::new();
    for tag in tags {
        let length = u8::try_from(tag.len()).map_err(|_| MetadataError::TooLong)?;
        out.put_u8(length);
        out.put_slice(tag.as_bytes());
    }
    Ok(out.freeze())
}

/// The tags of routing metadata.
///
/// # Errors
/// [`MetadataError`] if a tag is cut off or not UTF-8.
pub fn tags(mut routing: Bytes) -> Result<Vec<String>, MetadataError> {
    let mut tags = Vec::new();
    while routing.has_remaining() {
        let length = usize::from(routing.get_u8());
        let tag = take(&mut routing, length)?;
        tags.push(String::from_utf8(tag.into()).map_err(|_| MetadataError::NotUtf8)?);
    }
    Ok(tags)
}
