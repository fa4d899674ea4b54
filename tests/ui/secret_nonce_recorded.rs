//! A span records no nonce.

#![allow(unused)]

use agentcred::Nonce;

#[tracing::instrument(fields(nonce = %stripe))]
async fn find(stripe: Nonce) {}

#[tracing::instrument(skip_all, fields(nonce = stripe))]
async fn list(stripe: Nonce) {}

fn main() {}
