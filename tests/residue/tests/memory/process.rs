//! The memory of another process, read by way of `/proc`.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

/// How many characters of a secret in a row are found.
pub(crate) const WINDOW: usize = 12;

/// The secrets to look for, by their windows.
pub(crate) struct Search<'a> {
    windows: HashMap<&'a [u8], usize>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(secrets: &'a [String]) -> Self {
        let windows = secrets.iter().enumerate().flat_map(|(number, secret)| {
            secret.as_bytes().windows(WINDOW).map(move |window| (window, number))
        });
        Self { windows: windows.collect() }
    }

    /// How many of the secrets stand in the memory of a process, with at least a window.
    pub(crate) fn count_in(&self, process: u32) -> usize {
        let mut found = HashSet::new();
        let memory = File::open(format!("/proc/{process}/mem")).unwrap();
        for (start, end) in written(process) {
            let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
            // A mapping that went away since, or has nothing behind it, has nothing to read.
            if memory.read_exact_at(&mut bytes, start).is_ok() {
                self.list(&bytes, &mut found);
            }
        }
        found.len()
    }

    fn list(&self, bytes: &[u8], found: &mut HashSet<usize>) {
        let runs = bytes.split(|byte| !is_token_character(*byte));
        for window in runs.flat_map(|run| run.windows(WINDOW)) {
            found.extend(self.windows.get(window));
        }
    }
}

/// The mappings that a process can write to: heap, stacks and data.
fn written(process: u32) -> Vec<(u64, u64)> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mappings: Vec<_> = maps
        .lines()
        .filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let address = |text| u64::from_str_radix(text, 16).ok();
            rest.starts_with("rw").then_some((address(start)?, address(end)?))
        })
        .collect();
    assert!(maps.contains("[heap]") && mappings.len() > 3, "the maps were read: {maps}");
    mappings
}

fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
