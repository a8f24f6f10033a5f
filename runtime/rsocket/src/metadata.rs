//! The extensions of metadata that most implementations share: many metadata in one, routing, and bearer tokens.

mod authentication;
mod composite;
mod mime_type;
mod routing;

pub use authentication::{Authentication, bearer};
pub use composite::{CompositeWriter, Entries, Entry, entries};
pub use mime_type::{AUTHENTICATION, COMPOSITE_METADATA, MimeType, ROUTING};
pub use routing::{route, tags};

/// Why bytes are not metadata of the expected type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// A length is greater than what is left.
    #[error("the metadata end before a length that they state")]
    TooShort,
    /// A name, tag or token that must be text.
    #[error("a text in the metadata is not UTF-8")]
    NotUtf8,
    /// The name of a MIME type or of a kind of authentication has 1 to 128 bytes, a tag at most 255, and the content of an entry at
    /// most 16,777,215.
    #[error("a part of the metadata is longer than its length field allows")]
    TooLong,
}
