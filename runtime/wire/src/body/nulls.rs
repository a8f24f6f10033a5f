//! Nulls in bodies: clients of protocol 1 send them for missing members, at any depth.

use serde::{Deserialize, Deserializer};

/// Reads null as the default.
pub fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list in which nulls are dropped, and which may itself be null: then it is empty.
#[derive(Debug)]
pub struct WithoutNulls<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for WithoutNulls<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
        Ok(Self(list.into_iter().flatten().flatten().collect()))
    }
}

/// Reads a list without its nulls.
pub fn without_nulls<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    WithoutNulls::deserialize(deserializer).map(|list| list.0)
}

/// Reads a list without its nulls, or null as `None`.
pub(super) fn maybe_without_nulls<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let list: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(list.map(|list| list.into_iter().flatten().collect()))
}
