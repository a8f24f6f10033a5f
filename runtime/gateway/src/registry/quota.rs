//! How much the registry holds, and how much of it one service or one caller may use.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    ops::{Add, Sub},
};

use hydra_runtime_wire::names::ServiceName;

use crate::limits::{
    MAX_INSTANCES, MAX_PATHS, RegistryLimits, SERVICE_SHARE_DIVISOR, SMALL_SERVICE_BYTES,
    SMALL_SERVICE_INSTANCES, SMALL_SERVICE_PATHS,
};

/// A service within this is small: there is room for it when larger services are refused.
const SMALL_SERVICE: Usage = Usage {
    instances: SMALL_SERVICE_INSTANCES,
    paths: SMALL_SERVICE_PATHS,
    bytes: SMALL_SERVICE_BYTES,
};

/// What instances use of the registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) instances: usize,
    pub(crate) paths: usize,
    /// Roughly their memory.
    pub(crate) bytes: usize,
}

/// The limit that a registration would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QuotaExceeded {
    #[error("the registry is full")]
    Full,
    #[error("the registry has no more room for this service: it has its share")]
    Service,
    #[error("the registry has no more room for services of the calling address: it has its share")]
    Caller,
}

/// What one instance uses, with its owners.
#[derive(Clone, Debug)]
pub(crate) struct InstanceUsage {
    pub(crate) service: ServiceName,
    /// The address that registered the instance. `None`: it was registered from within the process.
    pub(crate) caller: Option<IpAddr>,
    pub(crate) size: Usage,
}

/// What is used, by service and by caller.
#[derive(Clone, Debug, Default)]
pub(crate) struct UsageLedger {
    all: Usage,
    services: HashMap<ServiceName, Usage>,
    callers: HashMap<IpAddr, Usage>,
}

impl UsageLedger {
    /// Adds an instance.
    pub(crate) fn add(&mut self, one: &InstanceUsage) {
        self.all = self.all + one.size;
        change(&mut self.services, Some(&one.service), |taken| taken + one.size);
        change(&mut self.callers, one.caller.as_ref(), |taken| taken + one.size);
    }

    /// Removes an instance.
    pub(crate) fn remove(&mut self, one: &InstanceUsage) {
        self.all = self.all - one.size;
        change(&mut self.services, Some(&one.service), |taken| taken - one.size);
        change(&mut self.callers, one.caller.as_ref(), |taken| taken - one.size);
    }

    /// Whether all instances together with one more are within the limits.
    pub(crate) fn fits(&self, one: &InstanceUsage, limits: RegistryLimits) -> bool {
        (self.all + one.size).is_within(whole(limits))
    }

    /// Checks whether `new` may take the place of `old`. Services and callers that use much leave some room for small
    /// services of others.
    pub(crate) fn check(
        &self,
        new: &InstanceUsage,
        old: Option<&InstanceUsage>,
        limits: RegistryLimits,
    ) -> Result<(), QuotaExceeded> {
        let (size, before) = (new.size, old.map(|old| old.size).unwrap_or_default());
        let own = old.filter(|old| old.caller == new.caller);
        if own.is_some_and(|own| size.is_within(own.size)) {
            return Ok(());
        }
        let whole = whole(limits);
        let of_service = self.services.get(&new.service).copied().unwrap_or_default() - before + size;
        let is_small = of_service.is_within(SMALL_SERVICE);
        let share = Usage {
            bytes: limits.service,
            ..whole.part(1, SERVICE_SHARE_DIVISOR)
        };
        if !of_service.is_within(share) {
            return Err(QuotaExceeded::Service);
        }
        let all = if is_small { whole } else { whole.part(3, 4) };
        if !(self.all - before + size).is_within(all) {
            return Err(QuotaExceeded::Full);
        }
        let Some(caller) = &new.caller else { return Ok(()) };
        let own = own.map(|own| own.size).unwrap_or_default();
        let of_caller = self.callers.get(caller).copied().unwrap_or_default() - own + size;
        let share = whole.part(1, if is_small { 2 } else { 4 });
        if of_caller.is_within(share) {
            Ok(())
        } else {
            Err(QuotaExceeded::Caller)
        }
    }
}

fn whole(limits: RegistryLimits) -> Usage {
    Usage {
        instances: MAX_INSTANCES,
        paths: MAX_PATHS,
        bytes: limits.all,
    }
}

/// Changes the usage of one owner. An owner without instances is removed.
fn change<K: Clone + Eq + Hash>(
    of: &mut HashMap<K, Usage>,
    who: Option<&K>,
    to: impl FnOnce(Usage) -> Usage,
) {
    let Some(who) = who else { return };
    let taken = to(of.get(who).copied().unwrap_or_default());
    if taken.instances == 0 {
        of.remove(who);
    } else {
        of.insert(who.clone(), taken);
    }
}

impl Usage {
    fn is_within(self, most: Usage) -> bool {
        self.instances <= most.instances && self.paths <= most.paths && self.bytes <= most.bytes
    }

    fn part(self, times: usize, of: usize) -> Usage {
        let part = |whole: usize| whole / of * times;
        Usage {
            instances: part(self.instances),
            paths: part(self.paths),
            bytes: part(self.bytes),
        }
    }
}

impl Add for Usage {
    type Output = Usage;

    fn add(self, other: Usage) -> Usage {
        Usage {
            instances: self.instances + other.instances,
            paths: self.paths + other.paths,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Sub for Usage {
    type Output = Usage;

    fn sub(self, other: Usage) -> Usage {
        Usage {
            instances: self.instances.saturating_sub(other.instances),
            paths: self.paths.saturating_sub(other.paths),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

#[cfg(test)]
mod tests;
