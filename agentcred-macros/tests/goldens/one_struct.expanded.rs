/// Refund a charge.
async fn refund_charge(refund: Refund, stripe: Nonce) -> Result<Refunded, ToolError> {
    refund.make(stripe).await
}
/// Refund a charge.
#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
struct RefundCharge;
#[allow(deprecated, non_upper_case_globals)]
const _: () = {
    use ::agentcred::__private as __agentcred;
    const __param_refund: __agentcred::Parameter<Refund> = __agentcred::Parameter::new(
            "refund",
        )
        .all_arguments();
    const __param_stripe: __agentcred::Parameter<Nonce> = __agentcred::Parameter::new(
        "stripe",
    );
    const __SEATS: &[__agentcred::Seat] = &[
        __agentcred::Seat {
            name: "refund",
            mark: __agentcred::Mark::Args,
            rule: <Refund as __agentcred::Param<_>>::RULE,
        },
        __agentcred::Seat {
            name: "stripe",
            mark: __agentcred::Mark::Bare,
            rule: <Nonce as __agentcred::Param<_>>::RULE,
        },
    ];
    const _: () = __agentcred::check_parameter(__SEATS, "refund");
    const _: () = __agentcred::check_parameter(__SEATS, "stripe");
    const _: () = __agentcred::check_tool(__SEATS);
    static __DEFINITION: ::std::sync::LazyLock<__agentcred::ToolDefinition> = ::std::sync::LazyLock::new(||
    {
        let mut __draft = __agentcred::Draft::new(
            "refund_charge",
            "Refund a charge.",
            __agentcred::Credential {
                service: "stripe",
                scope: "write:refunds",
                ttl: ::core::time::Duration::from_secs(60u64),
                uses: 1u32,
            },
        );
        __draft.definition.hints.destructive = ::core::option::Option::Some(true);
        __draft.definition.timeout = ::core::time::Duration::from_secs(30u64);
        <Refund as __agentcred::Param<_>>::declare(&__param_refund, &mut __draft);
        <Nonce as __agentcred::Param<_>>::declare(&__param_stripe, &mut __draft);
        <Result<Refunded, ToolError> as __agentcred::Output>::declare(&mut __draft);
        __draft.finish()
    });
    #[automatically_derived]
    impl __agentcred::Tool for RefundCharge {
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
            let refund = <Refund as __agentcred::Param<
                _,
            >>::prepare(&__param_refund, &mut __arguments)?;
            let stripe = <Nonce as __agentcred::Param<
                _,
            >>::prepare(&__param_stripe, &mut __arguments)?;
            __arguments.finish()?;
            ::core::result::Result::Ok(
                __agentcred::Invocation::new(move |mut __injection| async move {
                    let refund = <Refund as __agentcred::Param<
                        _,
                    >>::fill(refund, &mut __injection)?;
                    let stripe = <Nonce as __agentcred::Param<
                        _,
                    >>::fill(stripe, &mut __injection)?;
                    <Result<
                        Refunded,
                        ToolError,
                    > as __agentcred::Output>::into_json(
                        refund_charge(refund, stripe).await,
                    )
                }),
            )
        }
    }
};
