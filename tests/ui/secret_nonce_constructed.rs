//! Only an issuer makes a nonce.

#![allow(unused)]

use agentcred::Nonce;

fn make() -> Nonce {
    Nonce {}
}

fn make_new() -> Nonce {
    let _ = Nonce::new;
    loop {}
}

fn make_default() -> Nonce {
    Nonce::default()
}

fn make_from_text() -> Nonce {
    "acn_1".into()
}

fn main() {}
