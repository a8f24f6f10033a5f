//! Credentials (extensions Authentication, Bearer Token Authentication Type and Simple Authentication Type).

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{
    MetadataError,
    composite::{IdOrName, id_or_name, put_id, take},
};

const SIMPLE: u8 = 0x00;
const BEARER: u8 = 0x01;

/// Credentials. Their `Debug` output hides them, so that logs cannot contain them.
#[derive(Clone, PartialEq, Eq)]
pub enum Authentication {
    /// A bearer token.
    Bearer(String),
    /// A user name and a password.
    Simple {
        /// At most 65,535 bytes.
        username: String,
        /// Of any length.
        password: String,
    },
    /// Another kind.
    Other {
        /// The identifier of 7 bits, if the kind is given by one.
        id: Option<u8>,
        /// The name, if the kind is given by one.
        name: Option<String>,
        /// As this kind encodes it.
        payload: Bytes,
    },
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Authentication::Bearer(_) => "Bearer(..)",
            Authentication::Simple { .. } => "Simple { .. }",
            Authentication::Other { .. } => "Other { .. }",
        })
    }
}

/// Authentication metadata with a bearer token.
pub fn bearer(token: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(1 + token.len());
    put_id(BEARER, &mut out);
    out.put_slice(token.as_bytes());
    out.freeze()
}

impl Authentication {
    /// Reads authentication metadata.
    ///
    /// # Errors
    /// [`MetadataError`] if they are cut off, or if a text is not UTF-8.
    pub fn decode(mut metadata: Bytes) -> Result<Authentication, MetadataError> {
        let kind = id_or_name(&mut metadata)?;
        let (id, name) = match kind {
            IdOrName::Id(id) => (Some(id), None),
            IdOrName::Name(name) => (None, Some(name)),
        };
        match (id, name.as_deref()) {
            (Some(BEARER), _) | (_, Some("bearer")) => Ok(Authentication::Bearer(text(metadata)?)),
            (Some(SIMPLE), _) | (_, Some("simple")) => {
                let length = metadata.try_get_u16().map_err(|_| MetadataError::TooShort)?;
                Ok(Authentication::Simple {
                    username: text(take(&mut metadata, usize::from(length))?)?,
                    password: text(metadata)?,
                })
            }
            _ => Ok(Authentication::Other {
                id,
                name,
                payload: metadata,
            }),
        }
    }
}

fn text(bytes: Bytes) -> Result<String, MetadataError> {
    String::from_utf8(bytes.into()).map_err(|_| MetadataError::NotUtf8)
}
