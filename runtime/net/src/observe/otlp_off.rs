//! What stands for the export of spans where the feature `otlp` is off.

use std::{sync::Arc, time::Instant};

use super::{
    access_log::{BodyEnd, Head},
    record::RequestRecord,
    settings::Otlp,
};

/// There is none.
#[derive(Debug)]
pub(super) enum SpanExport {}

impl SpanExport {
    /// `None`: there is no collector.
    ///
    /// # Errors
    /// There is one, but no feature for it.
    pub(super) fn open(otlp: Option<Otlp<'_>>) -> Result<Option<Self>, String> {
        match otlp {
            None => Ok(None),
            Some(_) => Err(
                "`otlp_endpoint` needs the feature `otlp`, which this program was built without".to_owned(),
            ),
        }
    }

    pub(super) fn export(&self, _: &Head, _: &Arc<RequestRecord>, _: BodyEnd, _: Instant) {
        match *self {}
    }
}
