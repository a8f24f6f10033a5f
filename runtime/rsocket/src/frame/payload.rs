//! Payloads: data, and metadata about them.

use bytes::Bytes;

/// Data, and metadata about them (section Data And Metadata).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// Absent metadata differ from empty ones.
    pub metadata: Option<Bytes>,
    /// May be empty.
    pub data: Bytes,
}

impl Payload {
    /// A payload of data alone.
    pub fn new(data: impl Into<Bytes>) -> Payload {
        Payload {
            metadata: None,
            data: data.into(),
        }
    }

    /// The same with metadata.
    #[must_use]
    pub fn with_metadata(self, metadata: impl Into<Bytes>) -> Payload {
        Payload {
            metadata: Some(metadata.into()),
            ..self
        }
    }

    /// The number of bytes of metadata and data.
    pub fn bytes(&self) -> usize {
        self.metadata.as_ref().map_or(0, Bytes::len) + self.data.len()
    }
}

impl From<&'static str> for Payload {
    fn from(data: &'static str) -> Payload {
        Payload::new(data)
    }
}

impl From<Bytes> for Payload {
    fn from(data: Bytes) -> Payload {
        Payload::new(data)
    }
}
