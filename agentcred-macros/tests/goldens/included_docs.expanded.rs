/// Find customers.
///
#[doc = include_str!("find_customers.md")]
async fn find_customers(
    email: String,
    stripe: Nonce,
) -> Result<Vec<Customer>, ToolError> {
    find(email, stripe).await
}
/// Find customers.
///
#[doc = include_str!("find_customers.md")]
#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
struct FindCustomers;
#[allow(deprecated, non_upper_case_globals)]
const _: () = {
    use ::agentcred::__private as __agentcred;
    const __param_email: __agentcred::Parameter<String> = __agentcred::Parameter::new(
            "email",
        )
        .describe(::core::concat!(include_str!("email.md"), "\n"));
    const __param_stripe: __agentcred::Parameter<Nonce> = __agentcred::Parameter::new(
        "stripe",
    );
    const __SEATS: &[__agentcred::Seat] = &[
        __agentcred::Seat {
            name: "email",
            mark: __agentcred::Mark::Bare,
            rule: <String as __agentcred::Param<_>>::RULE,
        },
        __agentcred::Seat {
            name: "stripe",
            mark: __agentcred::Mark::Bare,
            rule: <Nonce as __agentcred::Param<_>>::RULE,
        },
    ];
    const _: () = __agentcred::check_parameter(__SEATS, "email");
    const _: () = __agentcred::check_parameter(__SEATS, "stripe");
    const _: () = __agentcred::check_tool(__SEATS);
    static __DEFINITION: ::std::sync::LazyLock<__agentcred::ToolDefinition> = ::std::sync::LazyLock::new(||
    {
        let mut __draft = __agentcred::Draft::new(
            "find_customers",
            ::core::concat!(
                "Find customers.", "\n", "", "\n", include_str!("find_customers.md"),
                "\n"
            ),
            __agentcred::Credential {
                service: "stripe",
                scope: "read:customers",
                ttl: ::core::time::Duration::from_secs(300u64),
                uses: 1u32,
            },
        );
        __draft.definition.timeout = ::core::time::Duration::from_secs(30u64);
        <String as __agentcred::Param<_>>::declare(&__param_email, &mut __draft);
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
            let email = <String as __agentcred::Param<
                _,
            >>::prepare(&__param_email, &mut __arguments)?;
            let stripe = <Nonce as __agentcred::Param<
                _,
            >>::prepare(&__param_stripe, &mut __arguments)?;
            __arguments.finish()?;
            ::core::result::Result::Ok(
                __agentcred::Invocation::new(move |mut __injection| async move {
                    let email = <String as __agentcred::Param<
                        _,
                    >>::fill(email, &mut __injection)?;
                    let stripe = <Nonce as __agentcred::Param<
                        _,
                    >>::fill(stripe, &mut __injection)?;
                    <Result<
                        Vec<Customer>,
                        ToolError,
                    > as __agentcred::Output>::into_json(
                        find_customers(email, stripe).await,
                    )
                }),
            )
        }
    }
};
