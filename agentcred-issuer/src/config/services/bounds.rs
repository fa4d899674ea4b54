//! Checks what a rule says of sizes and times.

use agentcred_protocol::ttl::Ttl;

use crate::bounds::Bounds;
use crate::config::finding::{Findings, Key};
use crate::config::raw::RawRule;
use crate::limits::Limits;
use crate::rules::Method;

/// The bounds of a rule. `is_signed` is whether its service's requests are signed as a whole.
pub(super) fn check_bounds(
    raw: &RawRule,
    is_signed: bool,
    at: &Key,
    findings: &mut Findings<'_>,
) -> Bounds {
    let usual = Limits::default();
    let mut read = |name, text: Option<&String>| {
        let size = read_size(text?);
        size.map_err(|message| findings.error(&at.field(name), message)).ok()
    };
    let request_body = read("max_request_body", raw.max_request_body.as_ref());
    let response_body = read("max_response_body", raw.max_response_body.as_ref());
    let is_large = request_body.is_some_and(|size| size > usual.request_body as u64);
    let has_body = Method::read(&raw.method).is_none_or(Method::takes_body);
    let mut refuse = |name, message| findings.error(&at.field(name), message);
    if request_body.is_some() && !has_body {
        refuse("max_request_body", "must not be there: a GET or HEAD has no body");
    } else if is_large && raw.body.is_some() {
        refuse(
            "max_request_body",
            "must be 1MiB at most beside `body`: a body whose fields are checked is read whole",
        );
    } else if is_large && is_signed {
        refuse(
            "max_request_body",
            "must be 1MiB at most: a request that is signed (aws_sigv4) is read whole",
        );
    }
    if raw.fields.is_some() && response_body.is_some_and(|size| size > usual.response_body) {
        refuse(
            "max_response_body",
            "must be 16MiB at most beside `fields`: an answer of which fields come back is read \
             whole",
        );
    }
    let time = raw.max_time.as_ref().and_then(|text| {
        let time = text.parse::<Ttl>().map(Ttl::duration);
        let message = "must be whole seconds, minutes or hours as 30s, 10m or 1h, at most 1h";
        time.map_err(|_| refuse("max_time", message)).ok()
    });
    Bounds { request_body, response_body, time }
}

/// Reads a size, as `512KiB` or `1GiB`, in bytes.
fn read_size(text: &str) -> Result<u64, &'static str> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let unit = units.iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, bits)));
    unit.filter(|(number, _)| !number.starts_with(['0', '+']))
        .and_then(|(number, bits)| Some(u64::from(number.parse::<u32>().ok()?) << bits))
        .ok_or("must be a whole number of KiB, MiB or GiB, as 512KiB or 1GiB")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::read_size;
    use crate::config::Config;

    #[test]
    fn sizes_are_whole_numbers_with_a_unit() {
        assert_eq!(read_size("1KiB"), Ok(1024));
        assert_eq!(read_size("20MiB"), Ok(20 << 20));
        assert_eq!(read_size("1GiB"), Ok(1 << 30));
        for text in ["", "1", "GiB", "1 GiB", "1gib", "1GB", "0MiB", "-1MiB", "+1MiB", "1.5GiB"] {
            assert!(read_size(text).is_err(), "{text}");
        }
        assert!(read_size("99999999999GiB").is_err());
    }

    /// The keys with findings of a configuration with this injection, method and rule.
    fn findings(inject: &str, method: &str, rule: &str) -> Vec<String> {
        let text = format!(
            "[audit]\nfile = \"a\"\n[services.s]\norigin = \"http://127.0.0.1:1\"\n\
             secret = \"env:KEY\"\nallow_networks = [\"127.0.0.0/8\"]\ninject = {inject}\n\
             [[services.s.scopes.a]]\nmethod = \"{method}\"\npath = \"/a\"\n{rule}\n"
        );
        match Config::parse(&text, Path::new("")) {
            Ok(_) => Vec::new(),
            Err(refused) => {
                let errors = refused.findings().iter().filter(|it| !it.is_warning());
                errors.map(|it| it.key.rsplit('.').next().unwrap().to_owned()).collect()
            }
        }
    }

    #[test]
    fn what_is_read_whole_is_small() {
        let header = r#"{ header = "x-key", format = "{secret}" }"#;
        let signed = r#"{ aws_sigv4 = { region = "eu-central-1", service = "s3" } }"#;
        let large = r#"max_request_body = "1GiB""#;
        let limited = format!("{large}\nbody = {{ a = {{}} }}");
        let fields = "max_response_body = \"1GiB\"\nfields = [\"id\"]";
        assert!(findings(header, "POST", large).is_empty());
        assert!(findings(header, "GET", r#"max_response_body = "1GiB""#).is_empty());
        assert!(findings(signed, "PUT", r#"max_request_body = "1MiB""#).is_empty());
        for (inject, method, rule, key) in [
            (header, "POST", limited.as_str(), "max_request_body"),
            (signed, "PUT", large, "max_request_body"),
            (header, "GET", large, "max_request_body"),
            (header, "GET", fields, "max_response_body"),
            (header, "GET", r#"max_response_body = "1G""#, "max_response_body"),
            (header, "GET", r#"max_time = "2h""#, "max_time"),
            (header, "GET", r#"max_time = "0s""#, "max_time"),
        ] {
            assert_eq!(findings(inject, method, rule), [key], "{rule}");
        }
    }
}
