//! What each implementation requests of the other, and what must come of it.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt, future::join_all, stream};
use hydra_runtime_rsocket::{
    Credit, ErrorCode, Payload, RequestError, Requester,
    metadata::{CompositeWriter, MimeType, ROUTING, route},
};

const WAIT: Duration = Duration::from_secs(20);

pub(crate) struct Checks<'r> {
    requester: &'r Requester,
    /// rsocket-js answers every failure with APPLICATION_ERROR, and sends no metadata with answers.
    is_javascript: bool,
    count: usize,
}

fn text(payload: &Payload) -> String {
    String::from_utf8_lossy(&payload.data).into_owned()
}

impl<'r> Checks<'r> {
    pub(crate) fn new(requester: &'r Requester, is_javascript: bool) -> Checks<'r> {
        Checks {
            requester,
            is_javascript,
            count: 0,
        }
    }

    fn holds(&mut self, what: &str, is_so: bool) -> Result<(), String> {
        self.count += 1;
        if is_so {
            Ok(())
        } else {
            Err(format!("does not hold: {what}"))
        }
    }

    async fn request(&self, request: Payload) -> Result<Payload, String> {
        let answer = tokio::time::timeout(WAIT, self.requester.request_response(request)).await;
        answer
            .map_err(|_| "too late".to_owned())?
            .map_err(|error| error.to_string())
    }

    async fn ask(&self, request: &'static str) -> Result<String, String> {
        let answer = self.request(Payload::from(request)).await;
        answer
            .map(|answer| text(&answer))
            .map_err(|error| format!("{request}: {error}"))
    }

    async fn number(&self, request: &'static str) -> Result<usize, String> {
        self.ask(request)
            .await?
            .parse()
            .map_err(|_| format!("{request}: not a number"))
    }

    async fn until(
        &mut self,
        what: &str,
        question: &'static str,
        is_so: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        for _ in 0..1000 {
            if is_so(&self.ask(question).await?) {
                return self.holds(what, true);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.holds(what, false)
    }

    pub(crate) async fn all(mut self) -> Result<usize, String> {
        self.answers().await?;
        self.failures().await?;
        self.streams().await?;
        self.without_credit().await?;
        self.channel().await?;
        self.without_answer().await?;
        tokio::time::sleep(Duration::from_millis(10_500)).await;
        let alive = self.ask("alive").await?;
        self.holds("10 s of silence but for KEEPALIVE", alive == "alive")?;
        self.holds(
            "a measured round trip",
            self.requester.statistics().round_trip.is_some(),
        )?;
        Ok(self.count)
    }

    async fn answers(&mut self) -> Result<(), String> {
        let hello = Payload::from("hello").with_metadata("meta");
        let answer = self.request(hello.clone()).await?;
        let has_metadata = answer == hello || self.is_javascript && answer.data == hello.data;
        self.holds(&format!("an answer: {answer:?}"), has_metadata)?;
        let empty = self.ask("").await?;
        self.holds("an empty answer", empty.is_empty())?;
        let long = self.ask("bytes:200000").await?;
        self.holds("a long answer", long.len() == 200_000)?;
        let long = Payload::new(vec![b'y'; 150_000]);
        let answer = self.request(long.clone()).await?;
        self.holds("a long request", answer.data == long.data)?;
        let routed = CompositeWriter::new().push(&MimeType::named("text/x.unknown"), b"\x01");
        let tags = route(&["interop.route", "another"]).map_err(|error| error.to_string())?;
        let routed = routed.and_then(|writer| writer.push(&MimeType::named(ROUTING), &tags));
        let metadata = routed.map_err(|error| error.to_string())?.finish();
        let answer = self
            .request(Payload::from("route?").with_metadata(metadata))
            .await?;
        self.holds("a route", text(&answer) == "interop.route")?;
        let many = (0..200).map(|at| self.request(Payload::new(format!("n{at}"))));
        let many = join_all(many).await;
        let are_right = many.iter().enumerate().all(|(at, answer)| {
            answer
                .as_ref()
                .is_ok_and(|answer| text(answer) == format!("n{at}"))
        });
        self.holds("200 requests at once", are_right)
    }

    async fn failures(&mut self) -> Result<(), String> {
        for (request, code) in [
            ("fail", ErrorCode::APPLICATION_ERROR),
            ("reject", ErrorCode::REJECTED),
        ] {
            let answer = self.requester.request_response(Payload::from(request)).await;
            let expected = if self.is_javascript {
                ErrorCode::APPLICATION_ERROR
            } else {
                code
            };
            match answer {
                Err(RequestError::Peer(failure)) => {
                    self.holds(
                        request,
                        failure.code == expected && failure.message.contains("as asked"),
                    )?;
                }
                other => return Err(format!("{request}: {other:?}")),
            }
        }
        Ok(())
    }

    async fn streams(&mut self) -> Result<(), String> {
        for (request, count, fails) in [("count:100", 100, false), ("fail", 2, true)] {
            let stream = self
                .requester
                .request_stream(Payload::from(request), Credit::Window(8))
                .await;
            let stream = stream.map_err(|error| error.to_string())?;
            let items: Vec<_> = tokio::time::timeout(WAIT, stream.collect())
                .await
                .map_err(|_| format!("{request}: too late"))?;
            let numbers = items.iter().filter_map(|item| item.as_ref().ok()).map(text);
            let expected = (0..count).map(|at: usize| at.to_string());
            self.holds(
                request,
                numbers.eq(expected) && items.iter().any(Result::is_err) == fails,
            )?;
        }
        Ok(())
    }

    async fn without_credit(&mut self) -> Result<(), String> {
        let before = self.number("cancelled?").await?;
        let stream = self
            .requester
            .request_stream(Payload::from("forever"), Credit::Exactly(5))
            .await;
        let mut stream = stream.map_err(|error| error.to_string())?;
        for count in [5, 3] {
            for _ in 0..count {
                let next = tokio::time::timeout(WAIT, stream.next()).await;
                let is_item = matches!(next, Ok(Some(Ok(_))));
                self.holds("an item within credit", is_item)?;
            }
            self.ask("a request later").await?;
            self.holds("nothing without credit", stream.next().now_or_never().is_none())?;
            stream.request(3);
        }
        drop(stream);
        let is_more = |count: &str| count.parse::<usize>().is_ok_and(|count| count > before);
        self.until("a cancelled stream", "cancelled?", is_more).await
    }

    async fn channel(&mut self) -> Result<(), String> {
        let others = stream::iter(1..20).map(|at| Ok(Payload::new(format!("c{at}"))));
        let channel = self
            .requester
            .request_channel(Payload::from("c0"), others, Credit::Window(8))
            .await;
        let channel = channel.map_err(|error| error.to_string())?;
        let items: Vec<_> = tokio::time::timeout(WAIT, channel.collect())
            .await
            .map_err(|_| "a channel: too late")?;
        let items: Vec<String> = items
            .iter()
            .map(|item| item.as_ref().map_or_else(ToString::to_string, text))
            .collect();
        let expected: Vec<String> = (0..20).map(|at| format!("re:c{at}")).collect();
        self.holds(&format!("a channel: {items:?}"), items == expected)
    }

    async fn without_answer(&mut self) -> Result<(), String> {
        let sent = self.requester.fire_and_forget(Payload::from("forget me")).await;
        sent.map_err(|error| error.to_string())?;
        self.until("a request without answer", "forgotten?", |found| {
            found == "forget me"
        })
        .await?;
        let sent = self.requester.metadata_push("pushed".into()).await;
        sent.map_err(|error| error.to_string())?;
        self.until("pushed metadata", "pushed?", |found| found == "pushed")
            .await?;
        let before = self.number("cancelled?").await?;
        let never = self.requester.request_response(Payload::from("never"));
        let is_late = tokio::time::timeout(Duration::from_millis(200), never)
            .await
            .is_err();
        self.holds("no answer", is_late)?;
        let is_more = |count: &str| count.parse::<usize>().is_ok_and(|count| count > before);
        self.until("a cancelled request", "cancelled?", is_more).await
    }
}
