//! What a form sends for one field.
#![deny(clippy::disallowed_methods)]

#[cfg(feature = "upload")]
use super::upload_file::{Content, UploadFile};

/// One value of a field.
#[derive(Debug)]
#[non_exhaustive]
pub enum Entry {
    /// A text.
    Text(String),
    /// A file.
    #[cfg(feature = "upload")]
    File(Upload),
    /// A file of a field with `#[form(max = "…")]`.
    #[cfg(feature = "upload")]
    LongFile(UploadFile),
}

impl Entry {
    /// The text. `None`: it is a file.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            #[cfg(feature = "upload")]
            Self::File(_) | Self::LongFile(_) => None,
        }
    }

    /// Whether a visitor left the field empty.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            #[cfg(feature = "upload")]
            Self::File(_) | Self::LongFile(_) => self.is_absent_file(),
        }
    }

    /// Whether it stands for a file that the visitor did not choose.
    pub(super) fn is_absent_file(&self) -> bool {
        match self {
            Self::Text(_) => false,
            #[cfg(feature = "upload")]
            Self::File(file) => file.is_absent(),
            #[cfg(feature = "upload")]
            Self::LongFile(file) => file.name.is_empty() && file.size() == 0,
        }
    }
}

/// A file that a visitor sent, in memory. The setting `form_body` bounds it.
#[cfg(feature = "upload")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upload {
    /// The name that the browser gave, which may be any text: use it for nothing but to show it.
    pub name: String,
    /// The media type that the browser gave, which may be any text.
    pub media_type: String,
    /// The content.
    pub content: bytes::Bytes,
}

#[cfg(feature = "upload")]
impl Upload {
    /// Whether the visitor chose no file: browsers then send an empty one without a name.
    pub(super) fn is_absent(&self) -> bool {
        self.name.is_empty() && self.content.is_empty()
    }
}

/// A file that is in memory already.
#[cfg(feature = "upload")]
impl From<Upload> for UploadFile {
    fn from(file: Upload) -> Self {
        Self {
            name: file.name,
            media_type: file.media_type,
            content: Content {
                beginning: file.content,
                rest: None,
            },
        }
    }
}
