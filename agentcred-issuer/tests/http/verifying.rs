//! Verifying audits of many megabytes: quick, and one changed byte in them is found and named.
//!
//! The files are written here, by the format that the documentation of the chain describes.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use agentcred_issuer::audit::{audit_files, verify_files};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How large the audits of three issuers are together: `AGENTCRED_AUDIT_BYTES`.
fn audit_bytes() -> u64 {
    let set = std::env::var("AGENTCRED_AUDIT_BYTES").ok();
    set.map_or(60_000, |set| set.parse().unwrap())
}

/// Writes an audit of about so many bytes in four files.
fn write(folder: &Path, replica: &str, bytes: u64) {
    let (mut seq, mut prev) = (0_u64, "A".repeat(43));
    let mut push = |file: &mut BufWriter<File>, rest: &str| {
        seq += 1;
        let hashed = format!("{{\"seq\":{seq},\"prev\":\"{prev}\",{rest}");
        let digest = digest::digest(&digest::SHA256, hashed.as_bytes());
        prev = URL_SAFE_NO_PAD.encode(digest);
        let line = format!("{hashed},\"hash\":\"{prev}\"}}\n");
        file.write_all(line.as_bytes()).unwrap();
        line.len() as u64
    };
    let kept = |number: u32| format!("{replica}.jsonl.{number:06}");
    for number in 1..=4 {
        let name = if number == 4 { format!("{replica}.jsonl") } else { kept(number) };
        let mut file = BufWriter::new(File::create(folder.join(name)).unwrap());
        let mut size = 0;
        if number > 1 {
            let after = kept(number - 1);
            push(&mut file, &format!("\"event\":\"continue\",\"after\":\"{after}\""));
        }
        while size < bytes / 4 {
            let rest = format!(
                "\"time\":\"2027-01-15T08:00:00.000Z\",\"replica\":\"{replica}\",\"event\":\"use\",\
                 \"agent\":\"billing\",\"task\":\"task-{size}\",\"tool\":\"find_customers\",\
                 \"tool_call_id\":\"call_1\",\"nonce_id\":\"n_0123456789abcdef\",\
                 \"service\":\"stripe\",\"scope\":\"read:customers\",\"method\":\"GET\",\
                 \"path\":\"/v1/customers\""
            );
            size += push(&mut file, &rest);
        }
        if number < 4 {
            let kept_as = kept(number);
            push(&mut file, &format!("\"event\":\"rotate\",\"kept_as\":\"{kept_as}\""));
        }
    }
}

fn flaws(folder: &Path) -> Vec<String> {
    let files = audit_files(&[folder.to_owned()]).unwrap();
    let verified = verify_files(&files, &[], &|_| {});
    verified.map_or_else(|flaws| flaws.iter().map(ToString::to_string).collect(), |_| Vec::new())
}

#[test]
fn one_changed_byte_anywhere_is_named_by_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    for replica in ["a", "b", "c"] {
        write(folder.path(), replica, audit_bytes() / 3);
    }
    let files = audit_files(&[folder.path().to_owned()]).unwrap();
    let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    let began = Instant::now();
    let verified = verify_files(&files, &[], &|_| {}).unwrap();
    let took = began.elapsed();
    assert_eq!(verified.iter().map(|audit| audit.files.len()).collect::<Vec<_>>(), [4, 4, 4]);
    // Everywhere in small audits, and in some 60 places of large ones.
    let step = if bytes > 1_000_000 { usize::try_from(bytes / 60).unwrap() } else { 97 };
    let mut found = 0;
    for file in &files {
        let whole = fs::read(file).unwrap();
        for at in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
            let line = whole[..at].split(|byte| *byte == b'\n').count();
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(file, &changed).unwrap();
            let (flaws, named) =
                (flaws(folder.path()), format!("{}: line {line} ", file.display()));
            assert!(flaws.iter().any(|flaw| flaw.starts_with(&named)), "{named}, {at}: {flaws:?}");
            found += 1;
        }
        fs::write(file, &whole).unwrap();
    }
    assert!(flaws(folder.path()).is_empty());
    let (count, speed) = (files.len(), u128::from(bytes) / 1000 / took.as_millis().max(1));
    println!("{bytes} bytes in {count} files verified in {took:?}, {speed} MB/s");
    println!("{found} changed bytes, each found and named");
}
