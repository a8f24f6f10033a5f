//! The sessions of the visitor while a page is put together.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use serde_json::Value;

/// Sessions by service: those that came with the request, with the changes of this page.
#[derive(Default)]
pub(crate) struct VisitorSessions {
    pub(crate) current: BTreeMap<String, Value>,
    pub(crate) changed: BTreeMap<String, Value>,
}

impl VisitorSessions {
    pub(crate) fn set(&mut self, service: String, session: Value) {
        self.current.insert(service.clone(), session.clone());
        self.changed.insert(service, session);
    }

    /// Whether the owner of a fragment gets a session of the visitor with the request. This service's own fragments (`None`)
    /// hand on the sessions of others to the fragments in them.
    pub(crate) fn reach(&self, owner: Option<&str>) -> bool {
        match owner {
            None => !self.current.is_empty(),
            Some(service) => self.current.contains_key(service),
        }
    }
}
