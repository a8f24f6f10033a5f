//! Parses the text of a setting to its value. An error is a sentence that tells what to write.
#![deny(clippy::disallowed_methods)]

use std::{net::SocketAddr, path::PathBuf};

use http::Uri;
use hydra_runtime_net::admin::AdminListen;
use hydra_runtime_wire::names::{ServiceName, is_public_key, is_version_name};

use crate::limits::MAX_GATEWAYS;

/// Checks a name by the gateway's own rule, because the gateway would refuse the registration otherwise.
pub(super) fn service_name(text: &str) -> Result<String, String> {
    ServiceName::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|bad| bad.to_string())
}

/// Checks a version's name by the gateway's own rule.
pub(super) fn version_name(text: &str) -> Result<String, String> {
    is_version_name(text).then(|| text.to_owned()).ok_or_else(|| {
        "a version's name is 1 to 64 letters, digits and `.`, `_`, `+`, `-`, and begins with a letter or a digit, \
         like `2.4.1`"
            .to_owned()
    })
}

/// Where an application listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listen {
    At(SocketAddr),
    Nowhere,
}

pub(super) fn listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen::Nowhere);
    }
    text.parse().map(Listen::At).map_err(|_| {
        format!(
            "`{text}` is not an address to listen on: write an IP address and a port like `127.0.0.1:8080`, or `off` for an application \
             that gives only fragments, over its channel"
        )
    })
}

/// Refuses to listen nowhere without a channel. `has_channel`: the settings name a gateway, and want a channel to it.
pub(super) fn needs_channel(listen: Listen, has_channel: bool) -> Result<Listen, String> {
    match listen {
        Listen::Nowhere if !has_channel => Err(
            "nothing reaches an application that listens nowhere and has no channel: set `gateway` and `channel = true` too"
                .to_owned(),
        ),
        listen => Ok(listen),
    }
}

/// Whether this build can listen for operators.
pub(super) const HAS_ADMIN: bool = cfg!(feature = "admin");

/// Where to listen for operators.
pub(super) fn admin_listen(has_admin: bool, text: &str) -> Result<AdminListen, String> {
    match text.parse()? {
        AdminListen::At(_) if !has_admin => Err(
            "this application was built without the feature `admin`: write `features = [\"admin\"]` for hydra-runtime in its Cargo.toml"
                .to_owned(),
        ),
        listen => Ok(listen),
    }
}

/// Whether this build takes files with forms.
pub(super) const HAS_UPLOAD: bool = cfg!(feature = "upload");

/// A folder for files of forms.
pub(super) fn upload_folder(has_upload: bool, text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("an empty text is not a folder".to_owned()),
        _ if !has_upload => Err(
            "this application was built without the feature `upload`: write `features = [\"upload\"]` for hydra-runtime in its Cargo.toml"
                .to_owned(),
        ),
        folder => Ok(folder.into()),
    }
}

/// Texts with commas between them.
pub(super) fn list(text: &str) -> Result<Vec<String>, String> {
    let texts = text.split(',').map(str::trim).filter(|one| !one.is_empty());
    Ok(texts.map(str::to_owned).collect())
}

/// One or more gateways, separated by commas.
pub(super) fn gateways(text: &str) -> Result<Vec<Uri>, String> {
    let urls: Vec<Uri> = text
        .split(',')
        .map(|one| gateway(one.trim()))
        .collect::<Result<_, _>>()?;
    if urls.len() > MAX_GATEWAYS {
        return Err(format!(
            "there are more than {MAX_GATEWAYS} gateways: name those that are near"
        ));
    }
    Ok(urls)
}

fn gateway(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|_| not_a_gateway(text))?;
    let plain = url.scheme_str() == Some("http") && url.path() == "/" && url.query().is_none();
    let host = url.host().is_some_and(|host| !host.is_empty());
    (plain && host).then_some(url).ok_or_else(|| not_a_gateway(text))
}

fn not_a_gateway(text: &str) -> String {
    format!("`{text}` is not a gateway: write http://, its host and its port like `http://127.0.0.1:8081`")
}

pub(super) fn public_key(text: &str) -> Result<String, String> {
    is_public_key(text).then(|| text.to_owned()).ok_or_else(|| {
        "a public key is 1 to 200 visible characters without `/`, since it stands in paths".to_owned()
    })
}

pub(super) fn truth(text: &str) -> Result<bool, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("`{text}` is neither `true` nor `false`"))
}

pub(super) fn connections(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| format!("`{text}` is not a number of connections: write 1 or more"))
}

/// The error never shows the key.
pub(super) fn private_key(text: &str) -> Result<String, String> {
    (text.len() >= 16)
        .then(|| text.to_owned())
        .ok_or_else(|| "a private key has 16 bytes or more".to_owned())
}

/// Checks the address of a Redis. `None`: this application was built without the feature `redis`.
pub(super) type CheckRedis = Option<fn(&str) -> Result<(), String>>;

/// The check of a Redis address in this build.
#[cfg(feature = "redis")]
pub(super) const CHECK_REDIS: CheckRedis = Some(|text| {
    let checked = hydra_runtime_net::redis_link::RedisLink::check(text);
    checked.map_err(|bad| bad.to_string())
});
/// What checks the address of a Redis here.
#[cfg(not(feature = "redis"))]
pub(super) const CHECK_REDIS: CheckRedis = None;

/// The error never shows the address, because it may hold a password.
pub(super) fn redis(check: CheckRedis, text: &str) -> Result<String, String> {
    let check = check.ok_or_else(|| {
        "this application was built without the feature `redis`: write `features = [\"redis\"]` for hydra-runtime in its Cargo.toml"
            .to_owned()
    })?;
    check(text).map(|()| text.to_owned())
}

pub(super) fn redis_prefix(text: &str) -> Result<String, String> {
    let good = text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| text.to_owned())
        .ok_or_else(|| "a prefix has at most 100 ASCII characters, and no spaces".to_owned())
}

/// The address of a collector. The observer checks it, and whether spans can be sent at all.
pub(super) fn otlp_endpoint(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

pub(super) fn host(text: &str) -> Result<String, String> {
    let good =
        !text.is_empty() && !text.contains(['/', '@', ' ']) && text.parse::<http::uri::Authority>().is_ok();
    good.then(|| text.to_owned()).ok_or_else(|| {
        format!("`{text}` is not a host: write a name or an IP address, without scheme and port")
    })
}
