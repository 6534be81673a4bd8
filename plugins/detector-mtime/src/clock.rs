//! Time stamps for people, in UTC: a guest has no time zone.

use config_sync_sdk::Timestamp;

const NANOS: u64 = 1_000_000_000;
const DAY: u64 = 24 * 60 * 60;

/// "12:00:01 -> 12:00:05", as exactly as it takes to tell the two apart.
pub(crate) fn step(from: Timestamp, to: Timestamp) -> String {
    if from / NANOS == to / NANOS {
        format!(
            "{}.{:09} -> {}.{:09}",
            time(from),
            from % NANOS,
            time(to),
            to % NANOS
        )
    } else if from / NANOS / DAY == to / NANOS / DAY {
        format!("{} -> {}", time(from), time(to))
    } else {
        format!("{} {} -> {} {}", date(from), time(from), date(to), time(to))
    }
}

fn time(stamp: Timestamp) -> String {
    let second = stamp / NANOS % DAY;
    format!(
        "{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The civil date, after Howard Hinnant's `civil_from_days`: years begin in March, so that the
/// leap day is the last of its year.
fn date(stamp: Timestamp) -> String {
    let days = stamp / NANOS / DAY + 719_468; // from 0000-03-01 to the Unix epoch
    let (era, day_of_era) = (days / 146_097, days % 146_097); // days in 400 years
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153; // 153 days in each five months
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_times_of_a_day_are_told_in_seconds() {
        let noon = 1_700_049_600 * NANOS;
        assert_eq!(step(noon + NANOS, noon + 5 * NANOS), "12:00:01 -> 12:00:05");
    }

    #[test]
    fn two_times_of_a_second_are_told_in_nanoseconds() {
        assert_eq!(step(1, 20), "00:00:00.000000001 -> 00:00:00.000000020");
    }

    #[test]
    fn two_days_are_told_with_their_date() {
        assert_eq!(
            step(951_782_399 * NANOS, 951_868_800 * NANOS),
            "2000-02-28 23:59:59 -> 2000-03-01 00:00:00"
        );
        assert_eq!(date(951_782_400 * NANOS), "2000-02-29");
        assert_eq!(date(1_767_225_599 * NANOS), "2025-12-31");
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(u64::MAX), "2554-07-21");
    }
}
