impl Bank {
    ::core::compile_error! {
        "a tool is a free function; move it out of the `impl` and take what `self` holds as `State<T>`"
    }
    /// Find customers.
    async fn find_customers(&self, stripe: Nonce) -> Result<Vec<Customer>, ToolError> {
        find(stripe).await
    }
}
