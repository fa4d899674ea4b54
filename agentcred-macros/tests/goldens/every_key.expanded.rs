async fn find_customers(stripe: Nonce) -> Result<Vec<Customer>, ToolError> {
    find(stripe).await
}
///Find customers by e-mail address.
#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
struct Finder;
#[allow(deprecated, non_upper_case_globals)]
const _: () = {
    use crate::vendored::agentcred::__private as __agentcred;
    const __param_stripe: __agentcred::Parameter<Nonce> = __agentcred::Parameter::new(
        "stripe",
    );
    const __SEATS: &[__agentcred::Seat] = &[
        __agentcred::Seat {
            name: "stripe",
            mark: __agentcred::Mark::Bare,
            rule: <Nonce as __agentcred::Param<_>>::RULE,
        },
    ];
    const _: () = __agentcred::check_parameter(__SEATS, "stripe");
    const _: () = __agentcred::check_tool(__SEATS);
    static __DEFINITION: ::std::sync::LazyLock<__agentcred::ToolDefinition> = ::std::sync::LazyLock::new(||
    {
        let mut __draft = __agentcred::Draft::new(
            "find-customers",
            "Find customers by e-mail address.",
            __agentcred::Credential {
                service: "stripe",
                scope: "read:customers read:invoices",
                ttl: ::core::time::Duration::from_secs(20u64),
                uses: 3u32,
            },
        );
        __draft.definition.title = ::core::option::Option::Some(
            ::std::string::String::from("Find customers"),
        );
        __draft.definition.hints.read_only = ::core::option::Option::Some(true);
        __draft.definition.hints.destructive = ::core::option::Option::Some(false);
        __draft.definition.hints.idempotent = ::core::option::Option::Some(true);
        __draft.definition.hints.open_world = ::core::option::Option::Some(true);
        __draft.definition.timeout = ::core::time::Duration::from_secs(60u64);
        <Nonce as __agentcred::Param<_>>::declare(&__param_stripe, &mut __draft);
        <Result<Vec<Customer>, ToolError> as __agentcred::Output>::declare(&mut __draft);
        __draft.finish()
    });
    #[automatically_derived]
    impl __agentcred::Tool for Finder {
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
            let stripe = <Nonce as __agentcred::Param<
                _,
            >>::prepare(&__param_stripe, &mut __arguments)?;
            __arguments.finish()?;
            ::core::result::Result::Ok(
                __agentcred::Invocation::new(move |mut __injection| async move {
                    let stripe = <Nonce as __agentcred::Param<
                        _,
                    >>::fill(stripe, &mut __injection)?;
                    <Result<
                        Vec<Customer>,
                        ToolError,
                    > as __agentcred::Output>::into_json(find_customers(stripe).await)
                }),
            )
        }
    }
};
