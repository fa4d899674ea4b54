//! Parameters of a query or a form, refused when the endpoint does not know them.

use url::form_urlencoded;

use super::refusal::Refusal;

/// The parameters of one request, each of them known to its endpoint.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `name=value&..` and refuses a name that is not in `known`.
    pub(super) fn read(encoded: &[u8], known: &[&str]) -> Result<Self, Refusal> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(encoded).into_owned().collect();
        match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((unknown, _)) => Err(Refusal::unknown_parameter(unknown)),
            None => Ok(Self(pairs)),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::missing_parameter(name))
    }

    /// A whole number between `least` and `most`, or nothing when it is not given.
    pub(super) fn integer(
        &self,
        name: &str,
        least: i64,
        most: i64,
    ) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let number: i64 = text
            .parse()
            .map_err(|_| Refusal::bad_integer(name, format!("Invalid integer: {text}")))?;
        if number < least {
            let message = format!("This value must be greater than or equal to {least}.");
            Err(Refusal::bad_integer(name, message))
        } else if number > most {
            let message = format!("This value must be less than or equal to {most}.");
            Err(Refusal::bad_integer(name, message))
        } else {
            Ok(Some(number))
        }
    }
}
