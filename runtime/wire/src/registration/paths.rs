//! Which paths of a registration can be routed, and why others can't (protocol section 4).
#![deny(clippy::disallowed_methods)]

use std::{collections::HashSet, sync::Arc};

use percent_encoding::utf8_percent_encode;

use crate::{
    ActiveService, LeftOut,
    limits::{MAX_ECHOED_PATH_CHARS, MAX_GLOB_PATTERNS},
    names::ServiceName,
    paths::{IN_SEGMENT, reserved},
    routes::{
        RouteKind, ShardKey,
        pattern::{self, Segment},
    },
};

/// A path that an instance serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Identifies the path: the same for all patterns that match the same paths.
    pub key: Arc<str>,
    /// Where a request for the path goes at the service.
    pub kind: RouteKind,
    /// The pattern.
    pub segments: Box<[Segment]>,
    /// The place of the path in route tables.
    pub shard_key: ShardKey,
    /// The index among the endpoints of its registration.
    pub endpoint: Option<u32>,
}

/// The paths that can be routed, sorted, and those that can't.
pub(super) fn paths(service: &ServiceName, registration: &ActiveService) -> (Vec<Path>, Vec<LeftOut>) {
    let prefix = utf8_percent_encode(service, IN_SEGMENT).to_string();
    let resources = registration
        .static_resources
        .iter()
        .filter(|resource| !resource.ends_with('/'))
        .map(|resource| {
            let resource = resource.trim_start_matches('/');
            // A file's name is never a pattern, whatever characters it contains.
            let encoded: Vec<_> = resource
                .split('/')
                .map(|part| utf8_percent_encode(part, IN_SEGMENT).to_string())
                .collect();
            (
                format!("/{prefix}/{}", encoded.join("/")),
                RouteKind::Static,
                None,
            )
        });
    let endpoints = (0_u32..)
        .zip(&registration.endpoints)
        .map(|(at, text)| (text.clone(), RouteKind::Endpoint, Some(at)));
    let socket = [(format!("/{prefix}/socket"), RouteKind::Socket, None)];
    let (mut paths, mut left_out, mut known) = (Vec::new(), Vec::new(), HashSet::new());
    let mut globs = 0;
    for (text, kind, endpoint) in resources.chain(endpoints).chain(socket) {
        let checked = path(&text, kind, endpoint).and_then(|path| {
            let is_glob = path
                .segments
                .iter()
                .any(|segment| matches!(segment, Segment::Glob(_)));
            globs += usize::from(is_glob);
            if is_glob && globs > MAX_GLOB_PATTERNS {
                return Err(too_many());
            }
            Ok(path)
        });
        match checked {
            Ok(path) if known.insert(Arc::clone(&path.key)) => paths.push(path),
            // The same pattern with another spelling.
            Ok(_) => {}
            Err(reason) => left_out.push(LeftOut {
                path: text.chars().take(MAX_ECHOED_PATH_CHARS).collect(),
                reason,
            }),
        }
    }
    paths.sort_by(|a, b| a.key.cmp(&b.key));
    (paths, left_out)
}

/// The reason for leaving out a valid pattern: there are too many.
pub(super) fn too_many() -> String {
    format!("there are more than {MAX_GLOB_PATTERNS} patterns like `*.html`")
}

fn path(text: &str, kind: RouteKind, endpoint: Option<u32>) -> Result<Path, String> {
    let segments = pattern::parse(text).map_err(|reason| reason.to_string())?;
    if is_reserved(&segments) {
        return Err("the path belongs to the gateway".to_owned());
    }
    let key: Arc<str> = pattern::key(&segments).into();
    Ok(Path {
        shard_key: ShardKey::of(&segments, &key),
        key,
        kind,
        segments,
        endpoint,
    })
}

fn is_reserved(segments: &[Segment]) -> bool {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        // A segment that is a pattern is not a path of the gateway.
        path.push_str(match segment {
            Segment::Literal(text) => text,
            _ => "*",
        });
    }
    reserved::is_reserved(&path)
}
