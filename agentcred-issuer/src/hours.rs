//! Hours: at which times of the week a grant holds.

use std::fmt;

use agentcred_protocol::clock::UnixTime;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// A window on some days of the week, by the clocks of a place. One that ends before it begins
/// goes over midnight, and its day is the one on which it begins.
#[derive(Clone, Debug)]
pub(crate) struct Hours {
    days: Vec<Weekday>,
    /// In minutes of the day; it holds from the first and no longer at the last.
    from: u16,
    to: u16,
    zone: TimeZone,
}

/// Which part of a window cannot be read, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoHours {
    pub(crate) field: &'static str,
    pub(crate) message: &'static str,
}

impl NoHours {
    fn of(field: &'static str, message: &'static str) -> Self {
        Self { field, message }
    }
}

impl fmt::Display for NoHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl Hours {
    /// Reads a window. Without days it is every day, without a zone it is UTC.
    ///
    /// # Errors
    /// With the first part that cannot be read.
    pub(crate) fn read(
        days: Option<&str>,
        from: &str,
        to: &str,
        zone: Option<&str>,
    ) -> Result<Self, NoHours> {
        let time = |field, text| {
            minutes(text).ok_or(NoHours::of(field, "must be a time of the day, as 08:00"))
        };
        let (from, to) = (time("from", from)?, time("to", to)?);
        if from == LAST {
            return Err(NoHours::of("from", "must be before 24:00"));
        }
        if from == to {
            return Err(NoHours::of(
                "to",
                "is when it begins; for whole days, from 00:00 to 24:00",
            ));
        }
        let wrong = NoHours::of("days", "must be days of the week, as mon-fri or mon,wed,sat-sun");
        let days = read_days(days.unwrap_or("mon-sun")).ok_or(wrong)?;
        let unknown = NoHours::of("zone", "is no time zone that is known, as Europe/Berlin");
        let zone = match zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| unknown)?,
        };
        Ok(Self { days, from, to, zone })
    }

    /// Whether it is within the window now.
    pub(crate) fn admit(&self, now: UnixTime) -> bool {
        let millis = i64::try_from(now.millis()).ok();
        let Some(time) = millis.and_then(|it| jiff::Timestamp::from_millisecond(it).ok()) else {
            return false;
        };
        let time = self.zone.to_datetime(time);
        let minute =
            u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
        let begun = minute >= self.from;
        let not_over = minute < self.to;
        let today = self.days.contains(&time.weekday());
        if self.from < self.to {
            return today && begun && not_over;
        }
        let yesterday = self.days.contains(&time.weekday().previous());
        (today && begun) || (yesterday && not_over)
    }
}

/// Reads `08:00`.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| is_plain)
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    Some(hour * 60 + minute).filter(|it| minute < 60 && *it <= LAST)
}

/// Reads `mon-fri` and `mon,wed,sat-sun`.
fn read_days(text: &str) -> Option<Vec<Weekday>> {
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (read_day(first.trim())?, read_day(last.trim())?);
        days.push(day);
        while day != last {
            day = day.next();
            days.push(day);
        }
    }
    Some(days)
}

fn read_day(text: &str) -> Option<Weekday> {
    Some(match text {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// In minutes: when a day is over.
const LAST: u16 = 24 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(days: &str, from: &str, to: &str, zone: &str) -> Hours {
        Hours::read(Some(days), from, to, Some(zone)).unwrap()
    }

    fn at(text: &str) -> UnixTime {
        let time: jiff::Timestamp = text.parse().unwrap();
        UnixTime::from_millis(time.as_millisecond().unsigned_abs())
    }

    #[test]
    fn a_window_begins_and_ends_to_the_millisecond() {
        let utc = Hours::read(Some("mon-fri"), "08:00", "18:00", None).unwrap();
        // 2027-01-15 is a Friday.
        for (time, is_within) in [
            ("2027-01-15T07:59:59.999Z", false),
            ("2027-01-15T08:00:00Z", true),
            ("2027-01-15T17:59:59.999Z", true),
            ("2027-01-15T18:00:00Z", false),
            ("2027-01-16T12:00:00Z", false),
            ("2027-01-18T08:00:00Z", true),
        ] {
            assert_eq!(utc.admit(at(time)), is_within, "{time}");
        }
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let night = hours("fri", "22:00", "06:00", "UTC");
        for (time, is_within) in [
            ("2027-01-15T05:00:00Z", false),
            ("2027-01-15T21:59:59.999Z", false),
            ("2027-01-15T22:00:00Z", true),
            ("2027-01-16T05:59:59.999Z", true),
            ("2027-01-16T06:00:00Z", false),
            ("2027-01-16T22:00:00Z", false),
        ] {
            assert_eq!(night.admit(at(time)), is_within, "{time}");
        }
        let day = hours("fri", "00:00", "24:00", "UTC");
        assert!(day.admit(at("2027-01-15T00:00:00Z")));
        assert!(day.admit(at("2027-01-15T23:59:59.999Z")));
        assert!(!day.admit(at("2027-01-16T00:00:00Z")));
    }

    #[test]
    fn clocks_that_are_changed_are_followed() {
        let berlin = hours("mon-sun", "08:00", "18:00", "Europe/Berlin");
        for (time, is_within) in [
            // Winter, an hour ahead; then summer, two.
            ("2027-03-27T06:59:59.999Z", false),
            ("2027-03-27T07:00:00Z", true),
            ("2027-03-28T05:59:59.999Z", false),
            ("2027-03-28T06:00:00Z", true),
            ("2027-03-28T15:59:59.999Z", true),
            ("2027-03-28T16:00:00Z", false),
            ("2027-10-31T16:59:59.999Z", true),
            ("2027-10-31T17:00:00Z", false),
        ] {
            assert_eq!(berlin.admit(at(time)), is_within, "{time}");
        }
        // The hour from two to three does not occur in spring, and occurs twice in autumn.
        let skipped = hours("mon-sun", "02:00", "03:00", "Europe/Berlin");
        assert!(!skipped.admit(at("2027-03-28T00:59:59.999Z")));
        assert!(!skipped.admit(at("2027-03-28T01:00:00Z")));
        assert!(skipped.admit(at("2027-10-31T00:30:00Z")));
        assert!(skipped.admit(at("2027-10-31T01:30:00Z")));
        assert!(!skipped.admit(at("2027-10-31T02:00:00Z")));
    }

    #[test]
    fn what_is_no_window_is_refused_by_its_part() {
        let field = |days, from, to, zone| Hours::read(days, from, to, zone).unwrap_err().field;
        for days in ["", "mon-", "Mon", "mon..fri", "monday", "mon;tue", "weekdays"] {
            assert_eq!(field(Some(days), "08:00", "18:00", None), "days", "{days}");
        }
        for time in ["", "8:00", "08", "08:60", "24:01", "25:00", "+8:00", "08:00:00", "8am"] {
            assert_eq!(field(None, time, "18:00", None), "from", "{time}");
            assert_eq!(field(None, "08:00", time, None), "to", "{time}");
        }
        assert_eq!(field(None, "24:00", "08:00", None), "from");
        assert_eq!(field(None, "08:00", "08:00", None), "to");
        for zone in ["", "Berlin", "Europe/Nowhere", "../../etc/passwd", "+25:00"] {
            assert_eq!(field(None, "08:00", "18:00", Some(zone)), "zone", "{zone}");
        }
        let days = read_days("sat-mon, wed").unwrap();
        let (sat, sun, mon) = (Weekday::Saturday, Weekday::Sunday, Weekday::Monday);
        assert_eq!(days, [sat, sun, mon, Weekday::Wednesday]);
    }
}
