/// Find customers.
#[cfg(feature = "stripe")]
#[deprecated]
#[instrument(skip_all)]
async fn find_customers(
    #[cfg(unix)]
    #[allow(unused)]
    limit: u32,
    stripe: Nonce,
) -> Result<Vec<Customer>, ToolError> {
    find(stripe).await
}
#[cfg(feature = "stripe")]
/// Find customers.
#[deprecated]
#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
struct FindCustomers;
#[cfg(feature = "stripe")]
#[allow(deprecated, non_upper_case_globals)]
const _: () = {
    use ::agentcred::__private as __agentcred;
    #[cfg(unix)]
    const __param_limit: __agentcred::Parameter<u32> = __agentcred::Parameter::new(
            "limit",
        )
        .default(|| 3);
    const __param_stripe: __agentcred::Parameter<Nonce> = __agentcred::Parameter::new(
        "stripe",
    );
    const __SEATS: &[__agentcred::Seat] = &[
        #[cfg(unix)]
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
    #[cfg(unix)]
    const _: () = __agentcred::check_parameter(__SEATS, "limit");
    const _: () = __agentcred::check_parameter(__SEATS, "stripe");
    const _: () = __agentcred::check_tool(__SEATS);
    static __DEFINITION: ::std::sync::LazyLock<__agentcred::ToolDefinition> = ::std::sync::LazyLock::new(||
    {
        let mut __draft = __agentcred::Draft::new(
            "find_customers",
            "Find customers.",
            __agentcred::Credential {
                service: "stripe",
                scope: "read:customers",
                ttl: ::core::time::Duration::from_secs(300u64),
                uses: 1u32,
            },
        );
        __draft.definition.timeout = ::core::time::Duration::from_secs(30u64);
        #[cfg(unix)]
        <u32 as __agentcred::Param<_>>::declare(&__param_limit, &mut __draft);
        <Nonce as __agentcred::Param<_>>::declare(&__param_stripe, &mut __draft);
        <Result<Vec<Customer>, ToolError> as __agentcred::Output>::declare(&mut __draft);
        __draft.finish()
    });
    #[automatically_derived]
    impl __agentcred::Tool for FindCustomers {
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
            #[cfg(unix)]
            let limit = <u32 as __agentcred::Param<
                _,
            >>::prepare(&__param_limit, &mut __arguments)?;
            let stripe = <Nonce as __agentcred::Param<
                _,
            >>::prepare(&__param_stripe, &mut __arguments)?;
            __arguments.finish()?;
            ::core::result::Result::Ok(
                __agentcred::Invocation::new(move |mut __injection| async move {
                    #[cfg(unix)]
                    let limit = <u32 as __agentcred::Param<
                        _,
                    >>::fill(limit, &mut __injection)?;
                    let stripe = <Nonce as __agentcred::Param<
                        _,
                    >>::fill(stripe, &mut __injection)?;
                    <Result<
                        Vec<Customer>,
                        ToolError,
                    > as __agentcred::Output>::into_json(
                        find_customers(#[cfg(unix)] limit, stripe).await,
                    )
                }),
            )
        }
    }
};
