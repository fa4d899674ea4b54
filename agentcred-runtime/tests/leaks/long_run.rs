//! The probe, over and over: as many observations as the variable asks for.

use std::collections::BTreeMap;
use std::sync::Mutex;

use agentcred_runtime::testing::{LeakProbe, Sink};
use agentcred_runtime::toolbox;

use crate::count;
use crate::probe::{BlockAndPanic, FailWithIt, PanicWithIt, ReadAll, ReadText, ReportIt};

const SINKS: [Sink; 6] =
    [Sink::Schema, Sink::Outcome, Sink::Logs, Sink::Panic, Sink::Debug, Sink::Progress];

/// Runs the probe until there are as many observations as wanted. Each worker begins with another
/// toolbox: all of them at once is thousands of observations.
fn observe(worker: usize, wanted: u64, observed: &Mutex<BTreeMap<Sink, u64>>) {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for round in worker.. {
        if observed.lock().unwrap().values().sum::<u64>() >= wanted {
            break;
        }
        let toolbox = match round % 3 {
            0 => toolbox![ReadAll],
            1 => toolbox![ReadText, FailWithIt, ReportIt],
            _ => toolbox![PanicWithIt, BlockAndPanic],
        };
        let report = executor.block_on(LeakProbe::new(toolbox).run());
        report.assert_clean();
        let mut observed = observed.lock().unwrap();
        for sink in SINKS {
            *observed.entry(sink).or_default() += report.observed(sink);
        }
    }
}

#[test]
fn no_observation_of_many_holds_a_nonce() {
    let wanted = u64::try_from(count("AGENTCRED_OBSERVATIONS", 1_000)).unwrap();
    let observed = Mutex::default();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let observed = &observed;
            scope.spawn(move || observe(worker, wanted, observed));
        }
    });
    let observed = observed.into_inner().unwrap();
    let sum = observed.values().sum::<u64>();
    println!("{sum} observations, no leak: {observed:?}");
    assert!(sum >= wanted);
}
