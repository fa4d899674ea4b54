//! The probe, over and over: as many observations as the variable asks for.

use agentcred_runtime::testing::LeakProbe;
use agentcred_runtime::toolbox;

use crate::count;
use crate::probe::{BlockAndPanic, FailWithIt, PanicWithIt, ReadAll, ReadText};

#[tokio::test]
async fn no_observation_of_many_holds_a_nonce() {
    let wanted = count("AGENTCRED_OBSERVATIONS", 1_000);
    let (mut observed, mut rounds) = (0, 0);
    while observed < u64::try_from(wanted).unwrap() {
        // A few tools at a time: each round of all of them is thousands of observations.
        let toolbox = match rounds % 3 {
            0 => toolbox![ReadAll],
            1 => toolbox![ReadText, FailWithIt],
            _ => toolbox![PanicWithIt, BlockAndPanic],
        };
        let report = LeakProbe::new(toolbox).run().await;
        report.assert_clean();
        observed += report.observations();
        rounds += 1;
    }
    println!("{observed} observations, no leak");
}
