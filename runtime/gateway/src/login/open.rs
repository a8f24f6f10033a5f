//! Sockets and streams of logins: they close when their login ends before its time.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use futures_util::future::FutureExt as _;
use http_body::{Frame, SizeHint};
use hydra_runtime_wire::login::Login;
use tokio::sync::oneshot;

/// What is open at present, by number.
#[derive(Default)]
pub(crate) struct OpenLogins(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    next: u64,
    all: HashMap<u64, (Arc<Login>, oneshot::Sender<()>)>,
}

/// One socket or stream. It is forgotten when this is dropped.
pub(crate) struct OpenLogin {
    open: Arc<Mutex<Open>>,
    number: u64,
    ended: oneshot::Receiver<()>,
}

impl OpenLogins {
    /// Remembers a socket or stream of a login. The number of connections bounds how many there are.
    pub(crate) fn add(&self, login: &Arc<Login>) -> OpenLogin {
        let (sender, ended) = oneshot::channel();
        let mut open = lock(&self.0);
        let number = open.next;
        open.next += 1;
        open.all.insert(number, (Arc::clone(login), sender));
        OpenLogin {
            open: Arc::clone(&self.0),
            number,
            ended,
        }
    }

    /// Closes all whose login does not count.
    pub(crate) fn close_unless(&self, counts: impl Fn(&Login) -> bool) {
        let mut open = lock(&self.0);
        let closed = open.all.extract_if(|_, (login, _)| !counts(login));
        let closed: Vec<_> = closed.collect();
        drop(open);
        if !closed.is_empty() {
            metrics::counter!("hydra_login_connections_closed_total").increment(closed.len() as u64);
        }
        for (_, (_, sender)) in closed {
            // It may have ended by itself.
            let _ = sender.send(());
        }
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OpenLogin {
    /// Ready when the login has ended.
    pub(crate) async fn ended(mut self) {
        // While the receiver lives, only the end of the login takes the sender away.
        let _ = (&mut self.ended).await;
    }

    /// A body that breaks off when the login has ended, so that nothing takes it for whole.
    pub(crate) fn until_end(self, body: Body) -> Body {
        Body::new(EndingBody {
            body,
            login: Some(self),
        })
    }
}

impl Drop for OpenLogin {
    fn drop(&mut self) {
        lock(&self.open).all.remove(&self.number);
    }
}

/// A body of a login.
struct EndingBody {
    body: Body,
    /// `None` once the body has ended.
    login: Option<OpenLogin>,
}

impl http_body::Body for EndingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(login) = &mut self.login
            && login.ended.poll_unpin(cx).is_ready()
        {
            self.login = None;
            self.body = Body::empty();
            return Poll::Ready(Some(Err(axum::Error::new("the login has ended"))));
        }
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.login = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn login(sid: &str) -> Arc<Login> {
        Arc::new(Login {
            sid: sid.into(),
            ..Login::default()
        })
    }

    #[tokio::test]
    async fn what_is_open_ends_with_its_login_and_is_forgotten() {
        let open = OpenLogins::default();
        let (ann, bob) = (open.add(&login("ann")), open.add(&login("bob")));
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, axum::Error>>());
        let mut body = ann.until_end(endless);
        assert!(body.frame().now_or_never().is_none(), "it waits");
        open.close_unless(|login| login.sid != "ann");
        assert!(body.frame().await.expect("an end").is_err(), "it breaks off");
        assert!(body.frame().await.is_none());
        let mut bob = Box::pin(bob.ended());
        assert!(bob.as_mut().now_or_never().is_none());
        open.close_unless(|_| false);
        bob.await;
        assert!(lock(&open.0).all.is_empty());
        let whole = open.add(&login("ann")).until_end(Body::from("whole"));
        assert_eq!(whole.collect().await.expect("whole").to_bytes(), "whole");
        drop(open.add(&login("ann")));
        assert!(lock(&open.0).all.is_empty());
    }
}
