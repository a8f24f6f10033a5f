//! Checks the SETUP of a channel: it must prove by signature what a call by POST must prove (protocol sections 6 and 7).

use std::time::SystemTime;

use http::Method;
use hydra_runtime_net::bodies::read_json;
use hydra_runtime_wire::{
    ChannelSetup,
    limits::MAX_INSTANCE_ID_BYTES,
    lines::cut,
    names::ServiceName,
    signing::{BadSignature, Call, GATEWAY, SignedCall, Signer, headers_of},
};

use crate::{
    Gateway,
    api::{caller::CallOrigin, refusal_log::Refusal},
};

/// The service to which a channel belongs.
pub(super) struct ChannelOwner {
    pub(super) setup: ChannelSetup,
    /// Where the channel came from.
    pub(super) caller: CallOrigin,
    /// The signature of the SETUP. `None`: it is not signed, and need not be.
    pub(super) signed: Option<SignedCall>,
}

/// What a signature of a SETUP, or of its proof, is for. Both have the method and the path with which a WebSocket is opened, over
/// every transport.
pub(super) fn signed_part<'a>(gateway: &'a Gateway, to: &'a str, body: &'a [u8]) -> Call<'a> {
    Call {
        to,
        method: &Method::GET,
        path: gateway.channel_path(),
        body,
    }
}

/// Checks a SETUP with these data, which these tokens sign. An error is the reason for the service.
pub(super) async fn check(
    gateway: &Gateway,
    caller: CallOrigin,
    data: &[u8],
    tokens: &[String],
) -> Result<ChannelOwner, String> {
    if !gateway.config().channel {
        return Err("the gateway takes no channels".to_owned());
    }
    let setup: ChannelSetup = read_json(data)?;
    if setup.key != gateway.config().public_key {
        gateway.log_wrong_key(&setup.key);
        return Err("the key is that of another installation".to_owned());
    }
    if setup.protocol != 2 {
        return Err(format!("protocol {} has no channel", setup.protocol));
    }
    ServiceName::try_new(&setup.service).map_err(|bad| bad.to_string())?;
    if setup.instance.is_empty() || setup.instance.len() > MAX_INSTANCE_ID_BYTES {
        return Err(format!("`instance` must have 1 to {MAX_INSTANCE_ID_BYTES} bytes"));
    }
    let refuse = |problem: BadSignature| {
        let (name, reason) = (Some(cut(&setup.service)), problem.to_string());
        gateway.log_refusal(name, caller.address(), Refusal::Signature, &reason);
        reason
    };
    let signed = match gateway.signer() {
        Some(signer) => signature(gateway, signer, &setup, data, tokens).map_err(refuse)?,
        None => None,
    };
    if let Some(signed) = &signed
        && !gateway.publisher().claim_call(&signed.id).await
    {
        return Err(refuse(BadSignature::Again));
    }
    Ok(ChannelOwner {
        setup,
        caller,
        signed,
    })
}

fn signature(
    gateway: &Gateway,
    signer: &Signer,
    setup: &ChannelSetup,
    data: &[u8],
    tokens: &[String],
) -> Result<Option<SignedCall>, BadSignature> {
    let headers = headers_of(tokens.iter().map(String::as_str));
    let call = signed_part(gateway, GATEWAY, data);
    match signer.check(&headers, call, SystemTime::now()) {
        Ok(signed) if signed.issuer == setup.service => Ok(Some(signed)),
        Ok(_) => Err(BadSignature::Issuer),
        // Unsigned channels may be allowed, but not in the name of a service that can sign.
        Err(BadSignature::Missing)
            if gateway.config().allow_unsigned && !signer.has_own_key(&setup.service) =>
        {
            Ok(None)
        }
        Err(problem) => Err(problem),
    }
}
