//! Takes plans of changed templates from `hydra dev` while the application runs. Builds without debug assertions, such as `--release`,
//! don't contain this module.
//!
//! The variable names a Unix socket in a folder that only the user can enter. Each message there is a length of four bytes, the highest
//! first, and so many bytes. The first message of the program is the fingerprint of its plan, as decimal digits. Then follow updates of
//! that plan as JSON, each with an answer, which is empty or says why the former plan stays.

use std::{
    env,
    io::{self, Read, Write as _},
    os::unix::net::UnixStream,
    sync::{Arc, Weak},
    thread,
};

use hydra_contract::PlanUpdate;

use super::context::RenderContext;
use crate::limits::MAX_DEV_PLAN_BYTES;

/// Names the socket.
const SOCKET: &str = "HYDRA_DEV_SOCKET";

/// Takes plans until the socket closes, if `hydra dev` started this process.
pub(super) fn follow(context: &Arc<RenderContext>) {
    let Some(path) = env::var_os(SOCKET).filter(|path| !path.is_empty()) else {
        return;
    };
    match UnixStream::connect(&path) {
        Ok(stream) => {
            let context = Arc::downgrade(context);
            thread::spawn(move || take_all(stream, &context));
        }
        Err(error) => tracing::warn!(
            %error,
            "`hydra dev` can't be reached at the socket of {SOCKET}: each changed template needs a build"
        ),
    }
}

fn take_all(mut stream: UnixStream, context: &Weak<RenderContext>) {
    let fingerprint = context
        .upgrade()
        .map(|context| context.engine.now().fingerprint());
    let hello = fingerprint.unwrap_or_default().to_string();
    if write(&mut stream, hello.as_bytes()).is_err() {
        return;
    }
    while let Ok(Some(update)) = read(&mut stream) {
        let Some(context) = context.upgrade() else { return };
        let answer = take(&context, &update).err().unwrap_or_default();
        if write(&mut stream, answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Pages from now on are made with this update. The error says why they are not.
fn take(context: &RenderContext, update: &[u8]) -> Result<(), String> {
    let update: PlanUpdate = serde_json::from_slice(update).map_err(|error| error.to_string())?;
    if !update.plan.offers.keys().eq(&context.offers) {
        return Err("the templates offer other fragments".to_owned());
    }
    context.engine.update(update).map_err(|error| error.to_string())?;
    tracing::info!("the changed templates are used");
    Ok(())
}

/// The next message. `None`: the other side is gone, or it is too long.
fn read(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u64::from(u32::from_be_bytes(length));
    if length > MAX_DEV_PLAN_BYTES {
        return Ok(None);
    }
    let mut text = Vec::new();
    stream.take(length).read_to_end(&mut text)?;
    let is_whole = u64::try_from(text.len()).is_ok_and(|read| read == length);
    Ok(is_whole.then_some(text))
}

fn write(stream: &mut UnixStream, text: &[u8]) -> io::Result<()> {
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_whole_and_bounded() {
        for (bytes, expected) in [
            (&b"\0\0\0\x02{}rest"[..], Some(&b"{}"[..])),
            (b"\0\0\0\0", Some(b"")),
            (b"\0\0\0\x03{}", None),
            (b"\xff\xff\xff\xff{}", None),
        ] {
            let read = read(&mut &bytes[..]).expect("a message");
            assert_eq!(read.as_deref(), expected, "{bytes:?}");
        }
        assert!(read(&mut &b"\0\0"[..]).is_err());
    }

    #[test]
    fn builds_without_debug_assertions_lack_this_module() {
        let app = include_str!("../app.rs");
        assert!(app.contains("#[cfg(all(debug_assertions, unix))]\nmod dev_plans;"));
        let others = [
            include_str!("assemble.rs"),
            include_str!("context.rs"),
            include_str!("serve.rs"),
        ];
        assert!(others.iter().all(|text| !text.contains(SOCKET)));
    }
}
