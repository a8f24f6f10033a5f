//! Kept fragments of plain services, for pages of this process: they need neither a batch nor a task.

use std::{borrow::Cow, sync::Arc, time::Instant};

use hydra_runtime_net::fragment_source::{Caller, KeptFragment, KeptFragments, WantedFragment};
use hydra_runtime_wire::{Attributes, call_chain, limits::MAX_CALL_CHAIN_DEPTH};

use super::{
    PageVisitor, measured, plain,
    reply::{self, RequestedFragment},
};
use crate::{Gateway, Millis, registry::instance::FragmentProtocol, routing::snapshot::Snapshot};

/// What is kept for the visitor of one page.
struct KeptForVisitor {
    gateway: Gateway,
    snapshot: Arc<Snapshot>,
    visitor: PageVisitor,
    page: Option<Arc<str>>,
    now: Instant,
    /// The same moment, in the time of the gateway.
    millis: Millis,
}

/// The fragments that are kept for the visitor of a page. `None`: there are none.
pub(super) fn for_visitor(gateway: &Gateway, caller: &Caller) -> Option<Box<dyn KeptFragments>> {
    if !gateway.cache().is_used() {
        return None;
    }
    let snapshot = gateway.publisher().snapshot();
    // Here the login only decides between versions.
    let headers = match snapshot.is_split() {
        true => gateway.with_valid_login(&caller.headers),
        false => Cow::Borrowed(&caller.headers),
    };
    let visitor = PageVisitor::of(gateway, &snapshot, &headers, caller);
    Some(Box::new(KeptForVisitor {
        gateway: gateway.clone(),
        snapshot,
        visitor,
        page: caller.page.clone(),
        now: Instant::now(),
        millis: gateway.publisher().now(),
    }))
}

impl KeptFragments for KeptForVisitor {
    fn get(&self, wanted: &[WantedFragment<'_>], max_bytes: usize) -> Option<Vec<KeptFragment>> {
        let mut found = Vec::with_capacity(wanted.len());
        for one in wanted {
            let kept = self.find(one).filter(|kept| kept.html.len() <= max_bytes);
            found.push(kept?);
        }
        for one in wanted {
            let asker = measured::asker(one.call_chain.last().map(String::as_str), self.page.as_deref());
            measured::count_kept(&self.gateway, one.service, one.reference, asker);
        }
        self.gateway.cache().hit(found.len());
        Some(found)
    }
}

impl KeptForVisitor {
    fn find(&self, wanted: &WantedFragment<'_>) -> Option<KeptFragment> {
        let WantedFragment {
            service, reference, ..
        } = *wanted;
        let (gateway, visitor) = (&self.gateway, &self.visitor);
        // A fragment that would be refused is refused in its batch, with the reason.
        call_chain::check_fragment(wanted.call_chain, service, reference, MAX_CALL_CHAIN_DEPTH).ok()?;
        let found = self.snapshot.service(service)?;
        let preview = visitor.previews.version_of(service);
        let instance = found.model(visitor.seed, preview, self.millis)?;
        let FragmentProtocol::Plain(paths) = &instance.fragment_protocol else {
            return None;
        };
        let path = paths.get(reference)?;
        if !plain::may_be_cached(gateway, service, visitor) {
            return None;
        }
        let host = plain::visitors_host(found, visitor);
        let key = || plain::cache_key(service, host, path, Some(wanted.imports));
        let kept = gateway.cache().get(key, self.now)?;
        Some(KeptFragment {
            exports: match kept.exports.is_empty() {
                true => Attributes::new(),
                false => {
                    let wanted = RequestedFragment::with_exports(reference, wanted.exports);
                    reply::kept_exports(kept.exports, service, &wanted)
                }
            },
            ..kept
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;
    use hydra_runtime_wire::Outcome;
    use serde_json::json;

    use super::*;
    use crate::{GatewayConfig, dispatch::cache::FetchedFragment, routing::previews::PreviewKey};

    const SETTINGS: &str = "public_key = 'K'\nprivate_key = 'a private key that is long enough'\n
        [[service]]\nname = 's'\nurl = 'http://127.0.0.1:9'\nfragments = { f = '/f?a=1' }\n
        [[service]]\nname = 'own host'\nurl = 'http://127.0.0.1:9'\nhost = 'own'\nfragments = { f = '/f' }\n
        [[service]]\nname = 'with cookies'\nurl = 'http://127.0.0.1:9'\nfragments = { f = '/f' }\ncookies = ['id']\n";

    fn gateway() -> Gateway {
        let gateway = Gateway::new(GatewayConfig::from_toml(SETTINGS).expect("settings")).expect("a gateway");
        let fetched = FetchedFragment {
            html: "kept".to_owned(),
            exports: json!({"total": 7, "secret": 1})
                .as_object()
                .cloned()
                .expect("members"),
            max_age: Some(Duration::from_secs(60)),
        };
        for key in ["s\na.test\n/f?a=1", "own host\n\n/f", "with cookies\na.test\n/f"] {
            gateway.cache().put(|| key.to_owned(), &fetched, Instant::now());
        }
        gateway
    }

    fn visitor() -> PageVisitor {
        PageVisitor {
            seed: 0,
            previews: Default::default(),
            host: Some(HeaderValue::from_static("a.test")),
            has_sent_form: false,
        }
    }

    fn kept(gateway: &Gateway, visitor: PageVisitor) -> KeptForVisitor {
        KeptForVisitor {
            gateway: gateway.clone(),
            snapshot: gateway.publisher().snapshot(),
            visitor,
            page: Some("index.html".into()),
            now: Instant::now(),
            millis: gateway.publisher().now(),
        }
    }

    fn get(gateway: &Gateway, visitor: PageVisitor, wanted: WantedFragment<'_>) -> Option<KeptFragment> {
        kept(gateway, visitor).get(&[wanted], usize::MAX)?.pop()
    }

    #[test]
    fn a_fragment_that_is_too_long_for_the_page_counts_as_neither_kept_nor_shown() {
        let (gateway, imports) = (gateway(), Attributes::new());
        let wanted = WantedFragment {
            service: "s",
            reference: "f",
            imports: &imports,
            exports: &[],
            call_chain: &[],
        };
        let kept = kept(&gateway, visitor());
        assert_eq!(kept.get(&[wanted], "kept".len() - 1), None);
        let flows = gateway.fragment_measures().flows(gateway.publisher().now());
        assert!(flows.is_empty());
        assert!(kept.get(&[wanted], "kept".len()).is_some());
    }

    #[test]
    fn a_kept_fragment_has_the_exports_that_the_page_wants() {
        let (gateway, imports) = (gateway(), Attributes::new());
        let wanted = WantedFragment {
            service: "s",
            reference: "f",
            imports: &imports,
            exports: &["total".into()],
            call_chain: &["shop".to_owned()],
        };
        let kept = get(&gateway, visitor(), wanted).expect("it is kept");
        assert_eq!(
            (&kept.html[..], kept.exports),
            (
                &b"kept"[..],
                json!({"total": 7}).as_object().cloned().expect("members")
            )
        );
        assert!((Duration::from_secs(50)..=Duration::from_secs(60)).contains(&kept.max_age));
        let flows = gateway.fragment_measures().flows(gateway.publisher().now());
        let counted: Vec<_> = flows
            .iter()
            .map(|flow| (&*flow.asker, &*flow.page, &*flow.service, flow.all.count()))
            .collect();
        assert_eq!(counted, [("shop", "index.html", "s", 1)]);
        assert!(
            flows[0]
                .all
                .by_outcome()
                .any(|counted| counted == (Outcome::Cached, 1))
        );
    }

    #[test]
    fn only_what_a_request_would_have_found_in_the_cache_is_kept() {
        let gateway = gateway();
        let no_imports = Attributes::new();
        let imports = json!({"x": 1}).as_object().cloned().expect("members");
        let whole = WantedFragment {
            service: "s",
            reference: "f",
            imports: &no_imports,
            exports: &[],
            call_chain: &[],
        };
        let circle = ["s/f".to_owned()];
        let deep = vec!["a/b".to_owned(); MAX_CALL_CHAIN_DEPTH];
        let of = |service| WantedFragment { service, ..whole };
        let previewing = |service: &str| {
            let key = PreviewKey::new("a private key that is long enough");
            let token = key.token(service, "2", u64::MAX);
            PageVisitor {
                previews: key.read([token.as_bytes()], 1),
                ..visitor()
            }
        };
        let host = |host| PageVisitor { host, ..visitor() };
        let sent = PageVisitor {
            has_sent_form: true,
            ..visitor()
        };
        for (what, visitor, wanted, expected) in [
            ("it is kept", visitor(), whole, true),
            (
                "other imports",
                visitor(),
                WantedFragment {
                    imports: &imports,
                    ..whole
                },
                false,
            ),
            (
                "another fragment",
                visitor(),
                WantedFragment {
                    reference: "g",
                    ..whole
                },
                false,
            ),
            ("an unknown service", visitor(), of("t"), false),
            (
                "a circle",
                visitor(),
                WantedFragment {
                    call_chain: &circle,
                    ..whole
                },
                false,
            ),
            (
                "too deep",
                visitor(),
                WantedFragment {
                    call_chain: &deep,
                    ..whole
                },
                false,
            ),
            ("a form was sent", sent, whole, false),
            ("a preview", previewing("s"), whole, false),
            ("a preview of another service", previewing("t"), whole, true),
            (
                "another host",
                host(Some(HeaderValue::from_static("b.test"))),
                whole,
                false,
            ),
            ("no host", host(None), whole, false),
            (
                "a host that the service does not hear",
                host(None),
                of("own host"),
                true,
            ),
            ("a service with cookies", visitor(), of("with cookies"), false),
        ] {
            assert_eq!(get(&gateway, visitor, wanted).is_some(), expected, "{what}");
        }
    }
}
