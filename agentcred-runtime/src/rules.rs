//! What the parameters of a tool must be, by their types; checked while the tool is compiled.
//!
//! The macro sees tokens, and tokens lie: `N` may be a `Nonce` and `Nonce` may be something else.
//! So the rules that depend on types are constants that the compiler evaluates.

/// What the type of a parameter is.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// The model fills it in.
    Argument,
    /// A credential.
    Nonce,
    /// The program fills it in.
    Injected,
    /// No parameter may be of this type; the text says what to write.
    Refused(&'static str),
}

/// The attribute that stands on a parameter.
#[derive(Clone, Copy, Debug)]
pub enum Mark {
    /// None.
    Bare,
    /// `#[tool(rename, default, description)]`.
    Tool,
    /// `#[tool(args)]`.
    Args,
    /// `#[credential(..)]`.
    Credential,
}

/// A parameter's place in its function.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Its name.
    pub name: &'static str,
    /// The attribute on it.
    pub mark: Mark,
    /// Its type.
    pub rule: Rule,
}

/// Checks one parameter among all of its function.
///
/// # Panics
/// When it breaks a rule. As it is called in a constant, that is a compile error at the parameter.
#[track_caller]
pub const fn check_parameter(seats: &[Seat], name: &str) {
    let mut earlier_nonce = false;
    let mut args_elsewhere = false;
    let mut seat = None;
    let mut index = 0;
    while index < seats.len() {
        let this = seats[index];
        if same(this.name, name) {
            seat = Some(this);
        } else if matches!(this.mark, Mark::Args) {
            args_elsewhere = true;
        } else if seat.is_none() && matches!((this.mark, this.rule), (Mark::Bare, Rule::Nonce)) {
            earlier_nonce = true;
        }
        index += 1;
    }
    let Some(Seat { mark, rule, .. }) = seat else { return };
    match (rule, mark) {
        (Rule::Refused(way_out), _) => refuse(way_out),
        (Rule::Nonce, Mark::Bare) if earlier_nonce => refuse(
            "the attribute's credential belongs to an earlier `Nonce`; say what this one is for: \
             `#[credential(service = \"..\", scope = \"..\", ttl = \"..\")]`",
        ),
        (Rule::Argument, Mark::Credential) => refuse(
            "the model fills in this parameter; `#[credential(..)]` goes on a parameter of type `Nonce`",
        ),
        (Rule::Injected, Mark::Credential) => {
            refuse(
                "this parameter carries no credential; `#[credential(..)]` goes on one of type `Nonce`",
            );
        }
        (Rule::Nonce | Rule::Injected, Mark::Tool | Mark::Args) => refuse(
            "this parameter is injected and the model never sees it; remove its `#[tool(..)]`",
        ),
        (Rule::Argument, Mark::Bare | Mark::Tool) if args_elsewhere => refuse(
            "beside `#[tool(args)]` the model fills in nothing else; make this a field of that struct",
        ),
        _ => {}
    }
}

/// Checks that one nonce takes the credential of the attribute.
///
/// # Panics
/// When none does. As it is called in a constant, that is a compile error at the function.
#[track_caller]
pub const fn check_tool(seats: &[Seat]) {
    let mut nonces = 0;
    let mut index = 0;
    while index < seats.len() {
        match (seats[index].rule, seats[index].mark) {
            (Rule::Nonce, Mark::Credential) => nonces += 1,
            // What is refused has an error of its own, and a second one would mislead.
            (Rule::Nonce | Rule::Refused(_), _) => return,
            _ => {}
        }
        index += 1;
    }
    if nonces == 0 {
        refuse(
            "no parameter takes the credential; add one of type `Nonce`, or use no `#[credentialed_tool]`",
        );
    } else {
        refuse(
            "every `Nonce` here has a `#[credential(..)]` of its own, so none takes the credential of \
             the attribute; leave `#[credential(..)]` off one",
        );
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "in a constant, a panic is how a compile error is raised")]
const fn refuse(way_out: &str) {
    panic!("{}", way_out)
}

const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seat(name: &'static str, mark: Mark, rule: Rule) -> Seat {
        Seat { name, mark, rule }
    }

    #[test]
    fn two_credentials_of_two_services_pass() {
        let seats = [
            seat("id", Mark::Tool, Rule::Argument),
            seat("stripe", Mark::Bare, Rule::Nonce),
            seat("mail", Mark::Credential, Rule::Nonce),
            seat("call", Mark::Bare, Rule::Injected),
        ];
        for Seat { name, .. } in seats {
            check_parameter(&seats, name);
        }
        check_tool(&seats);
    }

    #[test]
    #[should_panic = "belongs to an earlier `Nonce`"]
    fn a_second_bare_nonce_is_refused() {
        let seats = [seat("a", Mark::Bare, Rule::Nonce), seat("b", Mark::Bare, Rule::Nonce)];
        check_parameter(&seats, "a");
        check_parameter(&seats, "b");
    }

    #[test]
    #[should_panic = "no parameter takes the credential"]
    fn a_tool_without_a_nonce_is_refused() {
        check_tool(&[seat("a", Mark::Bare, Rule::Argument)]);
    }
}
