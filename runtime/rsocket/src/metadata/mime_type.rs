//! MIME types as composite metadata write them (extension Well-known MIME Types).

use std::{borrow::Cow, fmt};

/// Many metadata in one.
pub const COMPOSITE_METADATA: &str = "message/x.rsocket.composite-metadata.v0";
/// Tags that name a route.
pub const ROUTING: &str = "message/x.rsocket.routing.v0";
/// Credentials.
pub const AUTHENTICATION: &str = "message/x.rsocket.authentication.v0";

/// The names of the identifiers from 0x00.
const FROM_0: [&str; 43] = [
    "application/avro",
    "application/cbor",
    "application/graphql",
    "application/gzip",
    "application/javascript",
    "application/json",
    "application/octet-stream",
    "application/pdf",
    "application/vnd.apache.thrift.binary",
    "application/vnd.google.protobuf",
    "application/xml",
    "application/zip",
    "audio/aac",
    "audio/mp3",
    "audio/mp4",
    "audio/mpeg3",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/vorbis",
    "image/bmp",
    "image/gif",
    "image/heic-sequence",
    "image/heic",
    "image/heif-sequence",
    "image/heif",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "multipart/mixed",
    "text/css",
    "text/csv",
    "text/html",
    "text/plain",
    "text/xml",
    "video/H264",
    "video/H265",
    "video/VP8",
    "application/x-hessian",
    "application/x-java-object",
    "application/cloudevents+json",
    "application/x-capnp",
    "application/x-flatbuffers",
];

/// The names of the identifiers from 0x7A.
const FROM_7A: [&str; 6] = [
    "message/x.rsocket.mime-type.v0",
    "message/x.rsocket.accept-mime-types.v0",
    AUTHENTICATION,
    "message/x.rsocket.tracing-zipkin.v0",
    ROUTING,
    COMPOSITE_METADATA,
];

/// A MIME type. One that has an identifier is always held by it, so that equal types compare equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MimeType(Repr);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Repr {
    /// 7 bits.
    Id(u8),
    /// A name without identifier.
    Name(Cow<'static, str>),
}

impl MimeType {
    /// The type of a name.
    pub fn named(name: impl Into<Cow<'static, str>>) -> MimeType {
        let name = name.into();
        let place = |names: &[&str]| names.iter().position(|known| *known == name);
        let id = place(&FROM_0).or_else(|| place(&FROM_7A).map(|at| 0x7A + at));
        MimeType(id.map_or(Repr::Name(name), |id| Repr::Id(id as u8)))
    }

    /// The type of an identifier of 7 bits; higher bits are dropped.
    pub fn of_id(id: u8) -> MimeType {
        MimeType(Repr::Id(id & 0x7F))
    }

    /// The identifier, if the type has one.
    pub fn id(&self) -> Option<u8> {
        match self.0 {
            Repr::Id(id) => Some(id),
            Repr::Name(_) => None,
        }
    }

    /// The name. `None` for identifiers that the extension does not list.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Repr::Name(name) => Some(name),
            Repr::Id(id @ 0x7A..) => FROM_7A.get(usize::from(id - 0x7A)).copied(),
            Repr::Id(id) => FROM_0.get(usize::from(*id)).copied(),
        }
    }

    /// Whether this is the type of that name.
    pub fn is(&self, name: &str) -> bool {
        self.name() == Some(name)
    }
}

impl fmt::Display for MimeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.id()) {
            (Some(name), _) => f.write_str(name),
            (None, id) => write!(f, "MIME type 0x{:02X}", id.unwrap_or_default()),
        }
    }
}
