//! How long 1,000 tools take to be written in every dialect. The limit is 100 ms for all of them.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "the result is read on the screen")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use agentcred::{
    ArgumentError, Arguments, Dialect, Invocation, Nonce, Tool, ToolDefinition, ToolError, Toolbox,
    credentialed_tool,
};
use schemars::JsonSchema;
use serde::Deserialize;

const TOOLS: usize = 1_000;
const LIMIT: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let toolbox = (0..TOOLS).fold(Toolbox::new(), |toolbox, number| toolbox.with(numbered(number)));
    let mut total = Duration::ZERO;
    for dialect in Dialect::ALL {
        let fastest = (0..10).map(|_| time(&toolbox, dialect)).min().unwrap_or_default();
        println!("{dialect:<18}{fastest:>12.2?}");
        total += fastest;
    }
    println!("{:<18}{total:>12.2?} of {LIMIT:?}", "all");
    if total < LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn time(toolbox: &Toolbox, dialect: Dialect) -> Duration {
    let start = Instant::now();
    let schemas = black_box(toolbox).schemas(dialect).unwrap();
    let took = start.elapsed();
    assert_eq!(black_box(schemas).len(), TOOLS);
    took
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only what it declares counts")]
struct Filter {
    /// Only customers created after this day.
    since: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Closed,
}

/// Find customers by e-mail address.
#[credentialed_tool(service = "stripe", scope = "read:customers", ttl = "5m")]
async fn find_customers(
    /// E-mail address, matched exactly.
    email: String,
    /// How many customers to return at most.
    #[tool(default = 10)]
    limit: u32,
    filter: Option<Filter>,
    tags: Vec<String>,
    stripe: Nonce,
) -> Result<u64, ToolError> {
    black_box((email, limit, filter.is_some(), tags));
    Ok(stripe.get("/v1/customers").send().await?.json()?)
}

/// The tool above under a name of its own.
struct Numbered(ToolDefinition);

fn numbered(number: usize) -> Numbered {
    let mut definition = FindCustomers.definition();
    definition.name = format!("{}_{number}", definition.name);
    Numbered(definition)
}

impl Tool for Numbered {
    fn definition(&self) -> ToolDefinition {
        self.0.clone()
    }

    fn prepare(&self, arguments: Arguments) -> Result<Invocation, ArgumentError> {
        FindCustomers.prepare(arguments)
    }
}
