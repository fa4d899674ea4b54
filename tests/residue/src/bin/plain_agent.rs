//! The agent with the system's allocator, as every program has it that says nothing else.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    residue::run()
}
