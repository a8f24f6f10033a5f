//! Which instance a visitor stays with, because that instance may know the visitor.
#![deny(clippy::disallowed_methods)]

use std::sync::{Arc, OnceLock, atomic::Ordering::Relaxed};

use http::HeaderMap;
use hydra_runtime_wire::{Affinity, names::ServiceName};

use super::{Choice, Service, TakingInstance, newcomers::Newcomers};
use crate::{
    Millis, UnixMillis,
    registry::{
        instance::{FragmentProtocol, Instance},
        steering::Steering,
    },
    routing::{
        pins::{Pin, PinKey, PinKeys},
        weights::{Shares, mixed},
    },
};

/// Why a request of a visitor goes to its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PinOutcome {
    /// The visitor is pinned to it.
    Kept,
    /// The visitor has no pin.
    New,
    /// The instance of the pin is not active.
    MovedInactive,
    /// The instance of the pin cannot be connected to.
    MovedRefused,
    /// Requests in a row to the instance of the pin ran out of time, and then a probe failed.
    MovedTimeout,
    /// An operator stated the weight 0 for the version of the pin's instance, and more for another version.
    MovedWeight,
    /// The time is over that the drain of the pin's instance left to its visitors.
    MovedDrain,
    /// The instance of the pin does not serve the path, so that another one answers this time. The pin stays.
    Elsewhere,
    /// The visitor previews the service.
    Previewed,
    /// Visitors of the service do not stay.
    Free,
}

impl PinOutcome {
    /// The outcomes that are counted, with the values of the label `outcome` of `hydra_affinity_total`.
    pub(crate) const COUNTED: [(Self, &'static str); 7] = [
        (Self::Kept, "kept"),
        (Self::New, "new"),
        (Self::MovedInactive, "moved_inactive"),
        (Self::MovedRefused, "moved_refused"),
        (Self::MovedTimeout, "moved_timeout"),
        (Self::MovedWeight, "moved_weight"),
        (Self::MovedDrain, "moved_drain"),
    ];

    /// The value of the label. `None`: the outcome is not counted.
    pub(crate) fn label(self) -> Option<&'static str> {
        let mut all = Self::COUNTED.iter();
        all.find(|(outcome, _)| *outcome == self).map(|(_, label)| *label)
    }

    /// The same for developers. Empty: the service keeps no visitors.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Elsewhere => "elsewhere",
            Self::Previewed => "preview",
            Self::Free => "",
            _ => self.label().unwrap_or_default(),
        }
    }

    /// Whether the visitor was pinned to another instance.
    pub(crate) fn is_move(self) -> bool {
        self.is_written() && self != Self::New
    }

    /// Whether the answer pins the visitor to its instance.
    pub(crate) fn is_written(self) -> bool {
        !matches!(self, Self::Kept | Self::Elsewhere | Self::Previewed | Self::Free)
    }
}

/// What a service knows of visitors that stay with one instance.
#[derive(Debug)]
pub(super) struct Staying {
    /// Whether visitors stay, as far as the instances say.
    affinity: Affinity,
    /// When the pins of each active instance end.
    ends: Vec<PinEnd>,
    newcomers: Arc<Newcomers>,
    /// The name of the cookie, once it was needed. A gateway has one.
    cookie: OnceLock<String>,
}

/// When the pins of an active instance end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PinEnd {
    Never,
    /// They have ended: operators stated the weight 0 for its version, and more for another one.
    ByWeight,
    /// A drain leaves them so much time.
    ByDrain(Millis),
}

impl Staying {
    /// `shares` are those of the instances that are not drained, and `open` is how many of these visitors may get.
    pub(super) fn of(
        name: &ServiceName,
        active: &[Arc<Instance>],
        (shares, open): (&Shares, usize),
        steering: &Steering,
        epoch: UnixMillis,
    ) -> Self {
        let end = |instance: &Arc<Instance>| {
            let process = instance.registration.active_since;
            let leave = steering.leave(name, instance.id.as_str(), process);
            match leave {
                _ if shares.ends(steering.weights(name), &instance.version) => PinEnd::ByWeight,
                Some(leave) => PinEnd::ByDrain(leave.since(epoch)),
                None => PinEnd::Never,
            }
        };
        Self {
            affinity: affinity(active),
            ends: active.iter().map(end).collect(),
            newcomers: Arc::new(Newcomers::of(shares.versions().len(), open)),
            cookie: OnceLock::new(),
        }
    }

    /// Goes on with the turns of new visitors, for the same instances.
    pub(super) fn go_on(&mut self, previous: &Self) {
        self.newcomers = Arc::clone(&previous.newcomers);
    }
}

/// What the newest instance states. Services of protocol 1 keep sessions in memory as a rule.
fn affinity(active: &[Arc<Instance>]) -> Affinity {
    let newest = active
        .iter()
        .max_by_key(|one| (one.registration.version, one.registration.active_since));
    let Some(newest) = newest else {
        return Affinity::None;
    };
    match &newest.fragment_protocol {
        FragmentProtocol::Protocol1 => Affinity::Visitor,
        FragmentProtocol::Protocol2 => newest.registration.affinity.unwrap_or(Affinity::None),
        FragmentProtocol::Plain(_) => Affinity::None,
    }
}

impl Service {
    /// Whether visitors stay with one instance, unless the configuration says otherwise.
    pub(crate) fn affinity(&self) -> Affinity {
        self.staying.affinity
    }

    /// The name of the cookie that pins visitors.
    pub(crate) fn pin_cookie(&self, key: &PinKey) -> &str {
        self.staying.cookie.get_or_init(|| key.cookie_name(&self.name))
    }

    /// The pin among a visitor's cookies, and whether the former private key signed it.
    pub(crate) fn pin(&self, keys: &PinKeys, cookies: &HeaderMap) -> (Option<Pin>, bool) {
        let ids = self.active.iter().map(|instance| instance.id.as_str());
        let name = self.pin_cookie(keys.current());
        keys.read((&*self.name, name), cookies, ids)
    }

    /// The instance for a visitor with this pin, or without one, and why it is that one. It is not in `tried`, and its
    /// breaker admits calls. Where the pin does not count any more, all gateways and all requests choose alike.
    pub(crate) fn stay(
        &self,
        pin: Option<Pin>,
        choice: Choice<'_>,
        tried: &[Arc<Instance>],
        key: &PinKey,
    ) -> Option<(Arc<Instance>, PinOutcome)> {
        let Some(pin) = pin else {
            return Some((self.newcomer(choice, tried)?, PinOutcome::New));
        };
        match self.pinned(pin, choice.key, choice.now, tried, key) {
            Ok(instance) => Some((Arc::clone(instance), PinOutcome::Kept)),
            Err(outcome) => Some((self.rendezvous(pin.bits, choice, tried, key)?, outcome)),
        }
    }

    /// The instance for a visitor who previews the service: always the same one for these `bits`.
    pub(crate) fn stay_previewed(
        &self,
        bits: u64,
        choice: Choice<'_>,
        tried: &[Arc<Instance>],
        key: &PinKey,
    ) -> Option<(Arc<Instance>, PinOutcome)> {
        let found = match self.previewed(choice.preview, choice.key) {
            Some(version) => {
                let of_version = self.taking.iter().filter(|one| one.version == version);
                highest(of_version.filter(|one| self.suits(one, choice, tried)), bits, key)
            }
            // The previewed version does not have the path.
            None => self.rendezvous(bits, choice, tried, key),
        };
        Some((found?, PinOutcome::Previewed))
    }

    /// The active instance that a pin names.
    pub(crate) fn of_pin(&self, pin: Pin, key: &PinKey) -> Option<&Arc<Instance>> {
        self.position(pin, key).and_then(|at| self.active.get(at))
    }

    /// Whether a visitor with this pin gets the pin's instance for the path with this key.
    pub(crate) fn holds(&self, pin: Pin, path: &str, now: Millis, key: &PinKey) -> bool {
        self.pinned(pin, Some(path), now, &[], key).is_ok()
    }

    /// The instance for a visitor without a pin, who takes a turn.
    fn newcomer(&self, choice: Choice<'_>, tried: &[Arc<Instance>]) -> Option<Arc<Instance>> {
        let version = self.version_of_newcomer(choice);
        let found = version.and_then(|version| {
            let turn = self.staying.newcomers.turn(version);
            let (at, count) = self.fewest(version, turn, choice, tried)?;
            self.staying.newcomers.take(at, turn, count);
            self.open().get(at)
        });
        // If no instance can be reached, a request may be the probe.
        found.map_or_else(
            || self.choose(choice, tried),
            |one| Some(Arc::clone(&one.instance)),
        )
    }

    /// The instance for the next visitor without a pin, as far as that can be told.
    pub(crate) fn next_newcomer(&self, choice: Choice<'_>) -> Option<Arc<Instance>> {
        let version = self.version_of_newcomer(choice)?;
        let turn = self.staying.newcomers.next_turn(version);
        let (at, _) = self.fewest(version, turn, choice, &[])?;
        self.open().get(at).map(|one| Arc::clone(&one.instance))
    }

    fn version_of_newcomer(&self, choice: Choice<'_>) -> Option<usize> {
        match self.shares.count() {
            0 | 1 => self.open().first().map(|one| one.version),
            _ => self.version_for(choice),
        }
    }

    /// The position of the instance of a version with the fewest pins that came back, of those whose turn it may be, and how
    /// many instances there are to choose from.
    fn fewest(
        &self,
        version: usize,
        turn: u64,
        choice: Choice<'_>,
        tried: &[Arc<Instance>],
    ) -> Option<(usize, usize)> {
        let suitable = || {
            let open = self.open().iter().enumerate();
            open.filter(|(_, one)| one.version == version && self.suits(one, choice, tried))
        };
        let count = suitable().count();
        let start = usize::try_from(turn).unwrap_or(0).checked_rem(count)?;
        let turned = suitable().skip(start).chain(suitable().take(start));
        let fewest = turned.min_by_key(|(at, one)| {
            let breaker = &one.instance.breaker;
            (
                breaker.is_suspect(),
                !self.staying.newcomers.may_take(*at, turn),
                one.instance.comebacks.count(choice.now),
                breaker.count(choice.work).load(Relaxed),
            )
        });
        fewest.map(|(at, _)| (at, count))
    }

    /// The instance that may get new visitors with the highest rendezvous hash of these bits, of the version that the seed
    /// gives if one of those can be reached.
    fn rendezvous(
        &self,
        bits: u64,
        choice: Choice<'_>,
        tried: &[Arc<Instance>],
        key: &PinKey,
    ) -> Option<Arc<Instance>> {
        let version = match self.shares.count() {
            0 | 1 => None,
            _ => self.version_for(choice),
        };
        let suitable = || self.open().iter().filter(|one| self.suits(one, choice, tried));
        let of_version = suitable().filter(|one| version.is_none_or(|version| version == one.version));
        highest(of_version, bits, key).or_else(|| highest(suitable(), bits, key))
    }

    /// Whether an instance serves the path, was not tried, and can be reached as far as is known.
    fn suits(&self, one: &TakingInstance, choice: Choice<'_>, tried: &[Arc<Instance>]) -> bool {
        one.instance.breaker.is_closed()
            && self.serves(&one.instance, choice.key)
            && !tried.iter().any(|other| Arc::ptr_eq(other, &one.instance))
    }

    /// The instance of the pin, or why the visitor does not get it.
    fn pinned(
        &self,
        pin: Pin,
        path: Option<&str>,
        now: Millis,
        tried: &[Arc<Instance>],
        key: &PinKey,
    ) -> Result<&Arc<Instance>, PinOutcome> {
        let at = self.position(pin, key).ok_or(PinOutcome::MovedInactive)?;
        let instance = self.active.get(at).ok_or(PinOutcome::MovedInactive)?;
        match self.staying.ends.get(at) {
            Some(PinEnd::ByWeight) => return Err(PinOutcome::MovedWeight),
            Some(PinEnd::ByDrain(end)) if now >= *end => return Err(PinOutcome::MovedDrain),
            _ => {}
        }
        if !self.serves(instance, path) {
            return Err(PinOutcome::Elsewhere);
        }
        // A trial of an instance whose breaker is open is left to probes and to visitors without a pin.
        if instance.breaker.is_unresponsive() {
            return Err(PinOutcome::MovedTimeout);
        }
        let is_tried = tried.iter().any(|other| Arc::ptr_eq(other, instance));
        if is_tried || !instance.breaker.is_closed() {
            return Err(PinOutcome::MovedRefused);
        }
        Ok(instance)
    }

    fn position(&self, pin: Pin, key: &PinKey) -> Option<usize> {
        let mut active = self.active.iter();
        active.position(|one| one.pin_tag(|id| key.tag(id)) == pin.tag)
    }

    fn serves(&self, instance: &Instance, path: Option<&str>) -> bool {
        path.is_none_or(|path| self.is_uniform || instance.serves(path))
    }
}

/// The instance with the highest rendezvous hash (Thaler and Ravishankar, 1998) of these bits.
fn highest<'s>(
    among: impl Iterator<Item = &'s TakingInstance>,
    bits: u64,
    key: &PinKey,
) -> Option<Arc<Instance>> {
    let found = among.max_by_key(|one| mixed(bits ^ one.instance.pin_tag(|id| key.tag(id))));
    found.map(|one| Arc::clone(&one.instance))
}

#[cfg(test)]
mod tests;
