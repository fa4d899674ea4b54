#[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps)]
/// Sum what is owed.
pub(crate) fn sum_owed(customer: CustomerId, stripe: Nonce) -> Result<u64, ToolError> {
    sum(customer, stripe)
}
/// Sum what is owed.
#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
pub(crate) struct SumOwed;
#[allow(deprecated, non_upper_case_globals)]
const _: () = {
    use ::agentcred::__private as __agentcred;
    const __param_customer: __agentcred::Parameter<CustomerId> = __agentcred::Parameter::new(
        "customer",
    );
    const __param_stripe: __agentcred::Parameter<Nonce> = __agentcred::Parameter::new(
        "stripe",
    );
    const __SEATS: &[__agentcred::Seat] = &[
        __agentcred::Seat {
            name: "customer",
            mark: __agentcred::Mark::Bare,
            rule: <CustomerId as __agentcred::Param<_>>::RULE,
        },
        __agentcred::Seat {
            name: "stripe",
            mark: __agentcred::Mark::Bare,
            rule: <Nonce as __agentcred::Param<_>>::RULE,
        },
    ];
    const _: () = __agentcred::check_parameter(__SEATS, "customer");
    const _: () = __agentcred::check_parameter(__SEATS, "stripe");
    const _: () = __agentcred::check_tool(__SEATS);
    static __DEFINITION: ::std::sync::LazyLock<__agentcred::ToolDefinition> = ::std::sync::LazyLock::new(||
    {
        let mut __draft = __agentcred::Draft::new(
            "sum_owed",
            "Sum what is owed.",
            __agentcred::Credential {
                service: "stripe",
                scope: "read:invoices",
                ttl: ::core::time::Duration::from_secs(300u64),
                uses: 1u32,
            },
        );
        __draft.definition.timeout = ::core::time::Duration::from_secs(30u64);
        <CustomerId as __agentcred::Param<_>>::declare(&__param_customer, &mut __draft);
        <Nonce as __agentcred::Param<_>>::declare(&__param_stripe, &mut __draft);
        <Result<u64, ToolError> as __agentcred::Output>::declare(&mut __draft);
        __draft.finish()
    });
    #[automatically_derived]
    impl __agentcred::Tool for SumOwed {
        fn definition(&self) -> __agentcred::ToolDefinition {
            ::core::clone::Clone::clone(&*__DEFINITION)
        }
        fn prepare(
            &self,
            __arguments: __agentcred::Arguments,
        ) -> ::core::result::Result<
            __agentcred::Invocation,
            __agentcred::ArgumentError,
        > {
            let mut __arguments = __arguments.conform_to(&__DEFINITION)?;
            let customer = <CustomerId as __agentcred::Param<
                _,
            >>::prepare(&__param_customer, &mut __arguments)?;
            let stripe = <Nonce as __agentcred::Param<
                _,
            >>::prepare(&__param_stripe, &mut __arguments)?;
            __arguments.finish()?;
            ::core::result::Result::Ok(
                __agentcred::Invocation::blocking(move |mut __injection| {
                    let customer = <CustomerId as __agentcred::Param<
                        _,
                    >>::fill(customer, &mut __injection)?;
                    let stripe = <Nonce as __agentcred::Param<
                        _,
                    >>::fill(stripe, &mut __injection)?;
                    <Result<
                        u64,
                        ToolError,
                    > as __agentcred::Output>::into_json(sum_owed(customer, stripe))
                }),
            )
        }
    }
};
