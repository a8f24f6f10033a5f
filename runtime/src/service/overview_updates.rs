//! Keeps the overview up to date, with a cheap call that answers with the services only if they changed.

use std::{convert::Infallible, future::pending, time::Instant};

use http::StatusCode;
use hydra_runtime_wire::Overview;
use tokio::time::{MissedTickBehavior, interval};

use super::{REGISTRATION, Registration, client::ClientError};

impl Registration {
    /// Asks for changes at each interval. A gateway that can't be reached is not reported here, because the heartbeats
    /// notice it.
    pub(super) async fn follow(&self) -> Infallible {
        if self.client.is_at_protocol_1() {
            // Such a gateway has no overview. Its services come with the next registration.
            return pending().await;
        }
        let mut hash = self.hash.clone();
        let mut ticks = interval(self.intervals.overview);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.overview.expire(Instant::now());
            match self
                .client
                .get::<Overview>(&self.overview_path(hash.as_deref()), REGISTRATION)
                .await
            {
                Ok(answer) => {
                    if let Some(services) = answer.services {
                        self.overview.update(services, Instant::now());
                        self.logged_problems.report(answer.contract_problems);
                    }
                    hash = Some(answer.hash);
                }
                // An older gateway has no such call. Its overview comes with the next registration.
                Err(ClientError::Status(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED, _)) => {
                    return pending().await;
                }
                Err(error) => tracing::debug!(%error, "no overview"),
            }
        }
    }

    fn overview_path(&self, hash: Option<&str>) -> String {
        let path = &self.overview_path;
        match hash.filter(|hash| !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            Some(hash) => format!("{path}&hash={hash}"),
            None => path.clone(),
        }
    }
}
