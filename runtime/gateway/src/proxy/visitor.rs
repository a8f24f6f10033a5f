//! What a request says of its visitor: the set of versions, the previews and the login; and how each instance is told
//! of it.

use http::{HeaderMap, HeaderValue};
use hydra_runtime_wire::{
    cookies::{PREVIEW, SENT, VERSION},
    headers::HYDRA_PREVIEW,
};

use super::pinning::Pinning;
use crate::{
    Gateway,
    edge::headers,
    login::Visit,
    registry::instance::{FragmentProtocol, Instance},
    routing::{
        previews::Previews,
        version_cookie::{VersionCookies, VersionSeed},
    },
};

/// What a request says of its visitor.
pub(super) struct Visitor<'a> {
    pub(super) seed: VersionSeed,
    pub(super) previewed: Previewed<'a>,
    pub(super) visit: &'a Visit,
    /// `None`: visitors of the service do not stay with one instance.
    pub(super) pinning: Option<&'a Pinning<'a>>,
}

/// What the visitor previews, and the value of `Hydra-Preview` that tells it: the same in the request and the response,
/// also where a version ends in between.
#[derive(Clone, Copy)]
pub(super) struct Previewed<'a> {
    pub(super) previews: &'a Previews,
    pub(super) state: Option<&'a HeaderValue>,
}

impl Visitor<'_> {
    /// Sets what `instance` is told of the visitor, in place of what another instance would be told. `is_repeated`: the
    /// request was sent to another instance before.
    pub(super) fn prepare(
        &self,
        gateway: &Gateway,
        headers: &mut HeaderMap,
        instance: &Instance,
        is_repeated: bool,
    ) {
        let speaks = &instance.fragment_protocol;
        set_version_cookie(headers, self.seed, speaks, gateway.version_cookies());
        set_previews(headers, self.previewed, speaks);
        match speaks {
            FragmentProtocol::Protocol2 => gateway.check_sent_cookie(headers),
            _ => headers::remove_cookies(headers, SENT),
        }
        self.visit.dress(gateway, headers, instance, is_repeated);
    }
}

/// Sets the version cookie of a request for an instance that requests fragments itself, so that those come from the
/// same set of versions. A version cookie that this installation did not make is removed.
fn set_version_cookie(
    headers: &mut HeaderMap,
    seed: VersionSeed,
    speaks: &FragmentProtocol,
    versions: &VersionCookies,
) {
    let pair = match seed {
        VersionSeed::Known { seed } | VersionSeed::New { seed } if *speaks == FragmentProtocol::Protocol2 => {
            versions.pair(seed)
        }
        _ => None,
    };
    headers::replace_cookie(headers, VERSION, pair.as_ref());
}

/// Sets the cookie and the header of a visitor's previews, for an instance that requests fragments itself, and shows
/// the visitor what is previewed. Others see nothing of it.
fn set_previews(headers: &mut HeaderMap, previewed: Previewed<'_>, speaks: &FragmentProtocol) {
    match previewed.state.filter(|_| *speaks == FragmentProtocol::Protocol2) {
        Some(state) => {
            previewed.previews.write_cookie(headers);
            headers.insert(HYDRA_PREVIEW, state.clone());
        }
        None => {
            headers::replace_cookie(headers, PREVIEW, None);
            headers.remove(HYDRA_PREVIEW);
        }
    }
}
