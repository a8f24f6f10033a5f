//! One request and the head of its answer, over one stream.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use h2::{
    Reason, RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::{HeaderMap, Request, Response, header::CONTENT_LENGTH};
use http_body::Body as _;
use tokio::sync::oneshot;

use super::{
    body::{Http2Body, Uploading},
    connection::Place,
    pool::Reserved,
    upload::{BrokenOff, Upload},
};
use crate::{
    limits::{MAX_ANSWER_HEADERS, MAX_INTERIM_ANSWERS},
    upstream::framing,
};

/// Why a request got no answer.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// The server has processed nothing of the request (RFC 9113 section 8.7), whose body is whole.
    Unprocessed(Body, String),
    /// The stream ended before the answer began.
    Lost {
        /// The body, if it is empty and the whole connection has ended.
        empty: Option<Body>,
        error: BoxError,
    },
    /// The body of the request broke off.
    BrokenOff(BoxError),
    /// The answer can't be used.
    BadAnswer(&'static str),
}

/// Hears of interim answers.
pub(super) type Interim<'a> = &'a mut (dyn FnMut(&Response<()>) + Send);

/// Sends a request, and waits for the head of the answer. A body that takes longer than that is sent on in a task of its own.
pub(super) async fn exchange(
    reserved: Reserved,
    head: Request<()>,
    body: Body,
    interim: Interim<'_>,
) -> Result<Response<Http2Body>, ExchangeError> {
    let place = reserved.place;
    let (response, stream) = match send(place.sender(), head, body.is_end_stream()).await {
        Ok(sent) => sent,
        Err(error) => return Err(ExchangeError::Unprocessed(body, error.to_string())),
    };
    let mut course = Course {
        response,
        upload: Upload::new(body, stream),
        interims: 0,
    };
    match poll_fn(|cx| course.poll(cx, interim)).await {
        Ok(answer) => accept(answer, course.upload, place),
        Err(Failure::BrokenOff(BrokenOff(error))) => Err(ExchangeError::BrokenOff(error)),
        Err(Failure::TooManyInterims) => Err(ExchangeError::BadAnswer("it has too many interim answers")),
        Err(Failure::Stream(error)) => Err(course.failed(error)),
    }
}

async fn send(
    sender: SendRequest<Bytes>,
    head: Request<()>,
    is_empty: bool,
) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
    sender.ready().await?.send_request(head, is_empty)
}

/// A request under way.
struct Course {
    response: ResponseFuture,
    upload: Upload,
    interims: usize,
}

enum Failure {
    BrokenOff(BrokenOff),
    TooManyInterims,
    Stream(h2::Error),
}

impl Course {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        interim: &mut (dyn FnMut(&Response<()>) + Send),
    ) -> Poll<Result<Response<RecvStream>, Failure>> {
        while let Poll::Ready(Some(came)) = self.response.poll_informational(cx) {
            interim(&came.map_err(Failure::Stream)?);
            self.interims += 1;
            if self.interims > MAX_INTERIM_ANSWERS {
                return Poll::Ready(Err(Failure::TooManyInterims));
            }
        }
        if let Poll::Ready(sent) = Pin::new(&mut self.upload).poll(cx) {
            sent.map_err(Failure::BrokenOff)?;
        }
        Pin::new(&mut self.response).poll(cx).map_err(Failure::Stream)
    }

    /// What the error of the stream means for the request.
    fn failed(self, error: h2::Error) -> ExchangeError {
        if error.is_library() && error.is_reset() {
            // It doesn't say what it has refused of this answer.
            return ExchangeError::BadAnswer("it is not HTTP/2, or its head is longer than 32 KiB");
        }
        match self.upload.into_body() {
            Some(body) if is_unprocessed(&error) => ExchangeError::Unprocessed(body, error.to_string()),
            body => ExchangeError::Lost {
                // A stream that ended alone was processed, for all that is known, and its connection lives.
                empty: body.filter(|body| body.is_end_stream() && !error.is_reset()),
                error: error.into(),
            },
        }
    }
}

/// Whether the server says that it has processed nothing of the stream (RFC 9113 section 8.7).
fn is_unprocessed(error: &h2::Error) -> bool {
    let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    // The library ends the streams beyond the last one that a GOAWAY names, and others only if the GOAWAY is for an error.
    let is_beyond_end = error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
    error.is_remote() && (is_refused || is_beyond_end)
}

/// The answer with its body.
fn accept(
    answer: Response<RecvStream>,
    upload: Upload,
    place: Place,
) -> Result<Response<Http2Body>, ExchangeError> {
    if answer.headers().len() > MAX_ANSWER_HEADERS {
        return Err(ExchangeError::BadAnswer(framing::TOO_LARGE));
    }
    let upload = (!upload.is_done()).then(|| {
        // The stream counts twice until its upload ends.
        let place = place.clone();
        let (answered, has_answered) = oneshot::channel();
        let sending = tokio::spawn(async move {
            let _place = place;
            if let Err(BrokenOff(error)) = upload.send_rest(has_answered).await {
                tracing::debug!(%error, "a visitor's request broke off after the answer had begun");
            }
        });
        Uploading {
            task: sending.abort_handle(),
            _answered: answered,
        }
    });
    let length = length(answer.headers());
    Ok(answer.map(|stream| Http2Body::new(stream, length, upload, place)))
}

/// The stated length of a body. The library has refused what is not a number.
fn length(headers: &HeaderMap) -> Option<u64> {
    framing::number(headers.get(CONTENT_LENGTH)?.as_bytes())
}
