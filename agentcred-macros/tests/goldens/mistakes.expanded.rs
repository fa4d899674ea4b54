::core::compile_error! {
    "a service is 1 to 64 of `a`-`z`, `0`-`9` and `-`, and starts with a letter; write `\"stripe\"`"
}
::core::compile_error! {
    "`ttl` is a whole number of seconds, minutes or hours, as `\"30s\"`, `\"5m\"` or `\"1h\"`; write `\"5m\"`"
}
::core::compile_error! {
    "a parameter owns its value, as nobody is there to lend it; write `email: String`"
}
/// Find customers.
async fn find_customers(
    email: &str,
    limit: u32,
    stripe: Nonce,
) -> Result<Vec<Customer>, ToolError> {
    find(email, limit, stripe).await
}
/// Find customers.
#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
struct FindCustomers;
#[allow(deprecated, unused)]
const _: () = {
    use ::agentcred::__private as __agentcred;
    const __param_limit: __agentcred::Parameter<u32> = __agentcred::Parameter::new(
            "limit",
        )
        .default(|| 3);
    const __param_stripe: __agentcred::Parameter<Nonce> = __agentcred::Parameter::new(
        "stripe",
    );
    const __SEATS: &[__agentcred::Seat] = &[
        __agentcred::Seat {
            name: "limit",
            mark: __agentcred::Mark::Tool,
            rule: <u32 as __agentcred::Param<_>>::RULE,
        },
        __agentcred::Seat {
            name: "stripe",
            mark: __agentcred::Mark::Bare,
            rule: <Nonce as __agentcred::Param<_>>::RULE,
        },
    ];
    const _: () = __agentcred::check_parameter(__SEATS, "limit");
    const _: () = __agentcred::check_parameter(__SEATS, "stripe");
    const _: fn(&mut __agentcred::Draft) = <Result<
        Vec<Customer>,
        ToolError,
    > as __agentcred::Output>::declare;
    #[automatically_derived]
    impl __agentcred::Tool for FindCustomers {
        fn definition(&self) -> __agentcred::ToolDefinition {
            ::core::unreachable!()
        }
        fn prepare(
            &self,
            _: __agentcred::Arguments,
        ) -> ::core::result::Result<
            __agentcred::Invocation,
            __agentcred::ArgumentError,
        > {
            ::core::unreachable!()
        }
    }
};
