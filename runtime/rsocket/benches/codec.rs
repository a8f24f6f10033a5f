//! The codec: one frame with a payload of 1 KB, to bytes and back.

use bytes::{Bytes, BytesMut};
use hydra_runtime_rsocket::{
    Payload,
    frame::{Body, Frame, Interaction, decode},
};

fn main() {
    divan::main();
}

fn request() -> Frame {
    Frame {
        stream_id: 1,
        body: Body::Request {
            interaction: Interaction::Response,
            follows: false,
            payload: Payload::new(vec![b'x'; 1024]).with_metadata("\u{7E}route"),
        },
    }
}

#[divan::bench]
fn encode(bencher: divan::Bencher<'_, '_>) {
    let frame = request();
    let mut out = BytesMut::with_capacity(2048);
    bencher.bench_local(|| {
        out.clear();
        divan::black_box(&frame).encode(&mut out);
    });
}

#[divan::bench]
fn decode_one(bencher: divan::Bencher<'_, '_>) {
    let bytes: Bytes = request().to_bytes();
    bencher.bench_local(|| decode(divan::black_box(bytes.clone())));
}
