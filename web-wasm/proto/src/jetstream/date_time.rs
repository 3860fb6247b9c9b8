//! A moment on the calendar, as the server writes it.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_SECOND: u32 = 1_000_000_000;
/// From 0001-01-01 to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = days_before(1970);
const MONTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A moment in UTC, to the nanosecond, in the years 1 to 9999, which RFC 3339 can write.
///
/// The client core has no clock: moments come from the server, or from the caller.
///
/// ```
/// # fn main() -> Result<(), nats_proto::jetstream::DateTimeError> {
/// use nats_proto::jetstream::DateTime;
///
/// let moment: DateTime = "2026-03-01T12:00:00.5+02:00".parse()?;
/// assert_eq!(moment.to_string(), "2026-03-01T10:00:00.5Z");
/// assert_eq!(moment.unix_timestamp_nanos(), 1_772_359_200_500_000_000);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    seconds: i64,
    nanos: u32,
}

/// Why a text or number is no [`DateTime`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DateTimeError {
    /// The text is not of the form of RFC 3339, or names a day or an hour that there is not.
    #[error("not a date and time of RFC 3339")]
    Malformed,
    /// The moment is before the year 1 or after the year 9999.
    #[error("the date is not in the years 1 to 9999")]
    OutOfRange,
}

impl DateTime {
    /// The first moment of 1970, from which Unix counts.
    pub const UNIX_EPOCH: Self = Self { seconds: 0, nanos: 0 };
    /// The first moment of the year 1, by which servers mean that there is no time.
    pub const ZERO: Self = Self { seconds: -DAYS_BEFORE_EPOCH * SECONDS_PER_DAY, nanos: 0 };
    const LAST: Self = Self {
        seconds: (days_before(10_000) - DAYS_BEFORE_EPOCH) * SECONDS_PER_DAY - 1,
        nanos: NANOS_PER_SECOND - 1,
    };

    /// The moment so long after the first of 1970; the last of the year 9999 where that is later.
    pub fn from_unix_time(since: Duration) -> Self {
        Self::UNIX_EPOCH.saturating_add(since)
    }

    /// The moment so many nanoseconds after the first of 1970.
    ///
    /// # Errors
    /// [`DateTimeError::OutOfRange`].
    pub fn from_unix_timestamp_nanos(nanos: i128) -> Result<Self, DateTimeError> {
        let per_second = i128::from(NANOS_PER_SECOND);
        let seconds = i64::try_from(nanos.div_euclid(per_second));
        let rest = u32::try_from(nanos.rem_euclid(per_second));
        match (seconds, rest) {
            (Ok(seconds), Ok(nanos)) => Self { seconds, nanos }.in_range(),
            _ => Err(DateTimeError::OutOfRange),
        }
    }

    /// The whole seconds since the first moment of 1970; negative before it.
    pub const fn unix_timestamp(self) -> i64 {
        self.seconds
    }

    /// The nanoseconds since the first moment of 1970; negative before it.
    pub fn unix_timestamp_nanos(self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOS_PER_SECOND) + i128::from(self.nanos)
    }

    /// The nanoseconds of the second, 0 to 999,999,999.
    pub const fn nanosecond(self) -> u32 {
        self.nanos
    }

    /// Whether this is the first moment of the year 1, by which servers mean that there is no
    /// time.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// The moment `after` this one; the last of the year 9999 where that is later.
    pub fn saturating_add(self, after: Duration) -> Self {
        // Numbers of 128 bits would take a division that a page would have to load for it.
        let nanos = self.nanos + after.subsec_nanos();
        let carried = i64::from(nanos >= NANOS_PER_SECOND);
        let seconds = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
        let seconds = self.seconds.saturating_add(seconds).saturating_add(carried);
        Self { seconds, nanos: nanos % NANOS_PER_SECOND }.in_range().unwrap_or(Self::LAST)
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        if self < earlier {
            return Duration::ZERO;
        }
        let seconds = self.seconds.abs_diff(earlier.seconds);
        Duration::new(seconds, self.nanos).saturating_sub(Duration::new(0, earlier.nanos))
    }

    fn in_range(self) -> Result<Self, DateTimeError> {
        match self {
            moment if (Self::ZERO..=Self::LAST).contains(&moment) => Ok(moment),
            _ => Err(DateTimeError::OutOfRange),
        }
    }
}

/// The days from 0001-01-01 to the first of January of `year`, in the Gregorian calendar.
const fn days_before(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_len(year: i64, month: usize) -> i64 {
    let leap_day = i64::from(month == 1 && is_leap(year));
    MONTHS.get(month).map_or(0, |days| days + leap_day)
}

/// The year, month and day, each counted from 1, of a day counted from 0001-01-01.
fn civil(day: i64) -> (i64, usize, i64) {
    // The year is this one or the one after it: years are never longer than 366 days.
    let mut year = day / 366 + 1;
    while days_before(year + 1) <= day {
        year += ((day - days_before(year)) / 366).max(1);
    }
    let mut rest = day - days_before(year);
    let mut month = 0;
    while rest >= month_len(year, month) && month < 11 {
        rest -= month_len(year, month);
        month += 1;
    }
    (year, month + 1, rest + 1)
}

/// Reads an RFC 3339 text from its start.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        let mut value = 0;
        for &digit in number {
            value = value * 10 + i64::from(char::from(digit).to_digit(10)?);
        }
        Some(value)
    }

    fn one_of(&mut self, allowed: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        allowed.contains(&first).then_some(first)
    }

    /// The digits after a point, if there is one. What is finer than a nanosecond is cut off.
    fn fraction(&mut self) -> Option<u32> {
        let [b'.', rest @ ..] = self.0 else { return Some(0) };
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = rest.split_at_checked(len.max(1))?;
        self.0 = rest;
        let mut nanos = 0;
        for place in 0..9 {
            let digit = digits.get(place).copied().unwrap_or(b'0');
            nanos = nanos * 10 + char::from(digit).to_digit(10)?;
        }
        Some(nanos)
    }

    /// The seconds by which the clock that was read is ahead of UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.number(2).filter(|hours| *hours < 24)?;
        self.one_of(b":")?;
        let minutes = self.number(2).filter(|minutes| *minutes < 60)?;
        Some(sign * (hours * 3_600 + minutes * 60))
    }

    fn date_time(&mut self) -> Option<DateTime> {
        let year = self.number(4).filter(|year| *year > 0)?;
        self.one_of(b"-")?;
        let month = usize::try_from(self.number(2)?).ok()?.checked_sub(1)?;
        self.one_of(b"-")?;
        let day = self.number(2).filter(|day| (1..=month_len(year, month)).contains(day))?;
        self.one_of(b"Tt ")?;
        let hour = self.number(2).filter(|hour| *hour < 24)?;
        self.one_of(b":")?;
        let minute = self.number(2).filter(|minute| *minute < 60)?;
        self.one_of(b":")?;
        let second = self.number(2).filter(|second| *second < 60)?;
        let nanos = self.fraction()?;
        let offset = self.offset()?;
        let months: i64 = (0..month).map(|month| month_len(year, month)).sum();
        let days = days_before(year) - DAYS_BEFORE_EPOCH + months + day - 1;
        let of_day = hour * 3_600 + minute * 60 + second - offset;
        let whole = DateTime { seconds: days * SECONDS_PER_DAY + of_day, nanos };
        self.0.is_empty().then_some(whole)
    }
}

impl FromStr for DateTime {
    type Err = DateTimeError;

    /// Reads RFC 3339, of any offset. A leap second is refused.
    fn from_str(text: &str) -> Result<Self, DateTimeError> {
        Reader(text.as_bytes()).date_time().ok_or(DateTimeError::Malformed)?.in_range()
    }
}

impl fmt::Display for DateTime {
    /// Writes RFC 3339 in UTC, with as many digits of the second as there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.seconds.div_euclid(SECONDS_PER_DAY) + DAYS_BEFORE_EPOCH;
        let of_day = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanos > 0 {
            let digits = alloc::format!("{:09}", self.nanos);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn moments_are_read_and_written_as_rfc_3339_has_them() {
        for (text, nanos, written) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
            ("2000-02-29T23:59:59Z", 951_868_799_000_000_000, "2000-02-29T23:59:59Z"),
            ("2026-11-25T15:24:51.123456789Z", 1_795_620_291_123_456_789, ""),
            (
                "2026-11-25T15:24:51.1234567899Z",
                1_795_620_291_123_456_789,
                "2026-11-25T15:24:51.123456789Z",
            ),
            ("2026-11-25t15:24:51.120z", 1_795_620_291_120_000_000, "2026-11-25T15:24:51.12Z"),
            ("2026-11-25T15:24:51+01:30", 1_795_614_891_000_000_000, "2026-11-25T13:54:51Z"),
            ("1969-12-31T23:59:59.5Z", -500_000_000, "1969-12-31T23:59:59.5Z"),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000_000, "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999_999, ""),
        ] {
            let moment: DateTime = text.parse().unwrap();
            assert_eq!(moment.unix_timestamp_nanos(), nanos, "{text}");
            let written = if written.is_empty() { text } else { written };
            assert_eq!(moment.to_string(), written);
            assert_eq!(DateTime::from_unix_timestamp_nanos(nanos), Ok(moment));
        }
        assert!("0001-01-01T00:00:00Z".parse::<DateTime>().unwrap().is_zero());
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026",
            "2026-11-25",
            "2026-11-25T15:24:51",
            "2026-11-25T15:24:51.Z",
            "2026-11-25T15:24:51Zx",
            "2026-11-25T15:24:60Z",
            "2026-11-25T24:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "+026-01-01T00:00:00Z",
            "2026-11-25T15:24:51+0100",
            "2026-11-25T15:24:51.é",
        ] {
            assert_eq!(text.parse::<DateTime>(), Err(DateTimeError::Malformed), "{text:?}");
        }
        for text in ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"] {
            assert_eq!(text.parse::<DateTime>(), Err(DateTimeError::OutOfRange), "{text:?}");
        }
        for nanos in [i128::MIN, i128::MAX] {
            let far = DateTime::from_unix_timestamp_nanos(nanos);
            assert_eq!(far, Err(DateTimeError::OutOfRange));
        }
    }

    #[test]
    fn sums_and_differences_stay_on_the_calendar() {
        let early = DateTime::UNIX_EPOCH;
        let late = early.saturating_add(Duration::from_millis(1_500));
        assert_eq!(late.to_string(), "1970-01-01T00:00:01.5Z");
        assert_eq!(late.saturating_duration_since(early), Duration::from_millis(1_500));
        assert_eq!(early.saturating_duration_since(late), Duration::ZERO);
        assert_eq!(late.saturating_add(Duration::MAX), DateTime::LAST);
    }

    prop_compose! {
        fn moments()(
            seconds in DateTime::ZERO.seconds..=DateTime::LAST.seconds,
            nanos in 0..NANOS_PER_SECOND,
        ) -> DateTime {
            DateTime { seconds, nanos }
        }
    }

    proptest! {
        #[test]
        fn any_moment_is_read_as_it_was_written(moment in moments()) {
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }

        #[test]
        fn sums_and_differences_are_those_of_nanoseconds(
            one in moments(),
            other in moments(),
            after in any::<Duration>(),
            soon in (0..3_u64, 0..NANOS_PER_SECOND),
        ) {
            let nanos = |moment: DateTime| moment.unix_timestamp_nanos();
            let since = one.saturating_duration_since(other).as_nanos();
            prop_assert_eq!(since as i128, (nanos(one) - nanos(other)).max(0));
            for after in [after, Duration::new(soon.0, soon.1)] {
                let sum = nanos(one).saturating_add_unsigned(after.as_nanos());
                prop_assert_eq!(nanos(one.saturating_add(after)), sum.min(nanos(DateTime::LAST)));
                let later = one.saturating_add(after);
                let between = (nanos(later) - nanos(one)) as u128;
                prop_assert_eq!(later.saturating_duration_since(one).as_nanos(), between);
                prop_assert_eq!(one.saturating_duration_since(later), Duration::ZERO);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*", near in "[0-9+:. TZ-]{0,40}") {
            let _ = text.parse::<DateTime>();
            let _ = near.parse::<DateTime>();
        }
    }
}
