/// Remind a customer.
async fn remind(
    id: CustomerId,
    stripe: Nonce,
    mail: Nonce,
    mailer: State<Mailer>,
    call: CallContext,
) -> Outcome<()> {
    mailer.remind(id, stripe, mail, call).await
}
/// Remind a customer.
#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
struct Remind;
#[allow(deprecated, non_upper_case_globals)]
const _: () = {
    use ::agentcred::__private as __agentcred;
    const __param_id: __agentcred::Parameter<CustomerId> = __agentcred::Parameter::new(
        "id",
    );
    const __param_stripe: __agentcred::Parameter<Nonce> = __agentcred::Parameter::new(
        "stripe",
    );
    const __param_mail: __agentcred::Parameter<Nonce> = __agentcred::Parameter::new(
            "mail",
        )
        .credential(__agentcred::Credential {
            service: "mail",
            scope: "send",
            ttl: ::core::time::Duration::from_secs(20u64),
            uses: 2u32,
        });
    const __param_mailer: __agentcred::Parameter<State<Mailer>> = __agentcred::Parameter::new(
        "mailer",
    );
    const __param_call: __agentcred::Parameter<CallContext> = __agentcred::Parameter::new(
        "call",
    );
    const __SEATS: &[__agentcred::Seat] = &[
        __agentcred::Seat {
            name: "id",
            mark: __agentcred::Mark::Bare,
            rule: <CustomerId as __agentcred::Param<_>>::RULE,
        },
        __agentcred::Seat {
            name: "stripe",
            mark: __agentcred::Mark::Bare,
            rule: <Nonce as __agentcred::Param<_>>::RULE,
        },
        __agentcred::Seat {
            name: "mail",
            mark: __agentcred::Mark::Credential,
            rule: <Nonce as __agentcred::Param<_>>::RULE,
        },
        __agentcred::Seat {
            name: "mailer",
            mark: __agentcred::Mark::Bare,
            rule: <State<Mailer> as __agentcred::Param<_>>::RULE,
        },
        __agentcred::Seat {
            name: "call",
            mark: __agentcred::Mark::Bare,
            rule: <CallContext as __agentcred::Param<_>>::RULE,
        },
    ];
    const _: () = __agentcred::check_parameter(__SEATS, "id");
    const _: () = __agentcred::check_parameter(__SEATS, "stripe");
    const _: () = __agentcred::check_parameter(__SEATS, "mail");
    const _: () = __agentcred::check_parameter(__SEATS, "mailer");
    const _: () = __agentcred::check_parameter(__SEATS, "call");
    const _: () = __agentcred::check_tool(__SEATS);
    static __DEFINITION: ::std::sync::LazyLock<__agentcred::ToolDefinition> = ::std::sync::LazyLock::new(||
    {
        let mut __draft = __agentcred::Draft::new(
            "remind",
            "Remind a customer.",
            __agentcred::Credential {
                service: "stripe",
                scope: "read:invoices",
                ttl: ::core::time::Duration::from_secs(300u64),
                uses: 1u32,
            },
        );
        __draft.definition.timeout = ::core::time::Duration::from_secs(20u64);
        <CustomerId as __agentcred::Param<_>>::declare(&__param_id, &mut __draft);
        <Nonce as __agentcred::Param<_>>::declare(&__param_stripe, &mut __draft);
        <Nonce as __agentcred::Param<_>>::declare(&__param_mail, &mut __draft);
        <State<Mailer> as __agentcred::Param<_>>::declare(&__param_mailer, &mut __draft);
        <CallContext as __agentcred::Param<_>>::declare(&__param_call, &mut __draft);
        <Outcome<()> as __agentcred::Output>::declare(&mut __draft);
        __draft.finish()
    });
    #[automatically_derived]
    impl __agentcred::Tool for Remind {
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
            let id = <CustomerId as __agentcred::Param<
                _,
            >>::prepare(&__param_id, &mut __arguments)?;
            let stripe = <Nonce as __agentcred::Param<
                _,
            >>::prepare(&__param_stripe, &mut __arguments)?;
            let mail = <Nonce as __agentcred::Param<
                _,
            >>::prepare(&__param_mail, &mut __arguments)?;
            let mailer = <State<
                Mailer,
            > as __agentcred::Param<_>>::prepare(&__param_mailer, &mut __arguments)?;
            let call = <CallContext as __agentcred::Param<
                _,
            >>::prepare(&__param_call, &mut __arguments)?;
            __arguments.finish()?;
            ::core::result::Result::Ok(
                __agentcred::Invocation::new(move |mut __injection| async move {
                    let id = <CustomerId as __agentcred::Param<
                        _,
                    >>::fill(id, &mut __injection)?;
                    let stripe = <Nonce as __agentcred::Param<
                        _,
                    >>::fill(stripe, &mut __injection)?;
                    let mail = <Nonce as __agentcred::Param<
                        _,
                    >>::fill(mail, &mut __injection)?;
                    let mailer = <State<
                        Mailer,
                    > as __agentcred::Param<_>>::fill(mailer, &mut __injection)?;
                    let call = <CallContext as __agentcred::Param<
                        _,
                    >>::fill(call, &mut __injection)?;
                    <Outcome<
                        (),
                    > as __agentcred::Output>::into_json(
                        remind(id, stripe, mail, mailer, call).await,
                    )
                }),
            )
        }
    }
};
